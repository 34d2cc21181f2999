// Package sqlite keeps the catalog in one SQLite file.
package sqlite
