// Package orders is the reference order system.
package orders
