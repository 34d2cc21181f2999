// Package schemas embeds the reference system's events, services and flows, as files.
package schemas
