// Package storetest is the contract that every catalog.Store keeps, run against each.
package storetest
