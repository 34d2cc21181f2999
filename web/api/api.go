// Package api serves the HTTP APIs: Confluent-compatible and native.
package api
