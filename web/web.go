// Package web is the event catalog site.
package web
