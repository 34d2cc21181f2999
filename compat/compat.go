// Package compat decides whether every event that an old schema accepts is also accepted by a new one: compatible
// with a proof, incompatible with an event, or an honest undecided. It is pure.
package compat
