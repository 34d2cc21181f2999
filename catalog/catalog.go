// Package catalog keeps subjects, versions, events, services and owners, and decides what may be registered.
package catalog
