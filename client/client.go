// Package client is the one door for other Go programs: registry access, encoder and decoder.
package client
