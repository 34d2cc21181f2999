// Package postgres keeps the catalog in PostgreSQL.
package postgres
