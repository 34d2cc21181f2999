package client

import (
	"errors"
	"fmt"
	"time"

	"github.com/accordhq/accord/upcast"
	"github.com/accordhq/accord/validator"
)

// What can go wrong with a record or its schema. All are found by errors.Is; none of the errors of this package
// contains a value of an event.
var (
	// ErrUnavailable: the schema or lens is not in cache, lock or registry, and the registry did not answer.
	ErrUnavailable = validator.ErrUnavailable
	// ErrUnknownSchema: the record has no reference, or one that the registry does not know.
	ErrUnknownSchema = validator.ErrUnknownSchema
	// ErrMalformed: not JSON, a name twice in one object, broken framing, a null value, or type and schema disagree.
	ErrMalformed = errors.New("malformed event")
	// ErrNoPath: there is no lens between the writer's version and the reader's. Always inside an *UpcastError.
	ErrNoPath = errors.New("no path between the versions")
	// ErrUnbound: the event's subject is not bound by any For of this Decoder or Encoder.
	ErrUnbound = errors.New("subject not bound")
	// ErrSkipped: as ErrUnbound, for a Decoder made with OnUnknown(Skip).
	ErrSkipped = errors.New("skipped: subject not bound")
	// ErrTooLarge: the encoded value is over MaxEncodedBytes.
	ErrTooLarge = errors.New("encoded event too large")
)

// An UpcastError says that a lens refused an event, or that there is no lens (errors.Is ErrNoPath).
type UpcastError = upcast.UpcastError

// A Violation is one thing that is wrong with an event; it names places and rules, never values.
type Violation = validator.Violation

// An InvalidError says that an event is not an instance of a version's schema: for a Decoder the reader version, for
// an Encoder the version it writes.
type InvalidError struct {
	Subject    string
	Version    int
	Violations []Violation // at least one, in document order
	More       bool        // there are others
}

// Error names the version and the first violation.
func (e *InvalidError) Error() string {
	v := e.Violations[0]
	at := v.Address
	if at == "" {
		at = "the event"
	}
	return fmt.Sprintf("not valid under %s v%d: %s %s", e.Subject, e.Version, at, v.Message)
}

// A Classification says what a consumer should do about an error.
type Classification string

// What to do about an error.
const (
	Retry  Classification = "retry"  // later, as it is: pause the partition
	Poison Classification = "poison" // never: dead-letter the record
	Skip   Classification = "skip"   // nothing: go on with the next record
)

// Class says what to do about an error of Decode: Retry, Poison or Skip; "" for nil and for errors that do not come from
// this package.
func Class(err error) Classification {
	var unknown *unknownError
	var refused *UpcastError
	var invalid *InvalidError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrSkipped):
		return Skip
	case errors.Is(err, ErrUnavailable):
		return Retry
	case errors.As(err, &unknown):
		if unknown.age >= UnknownGrace {
			return Poison
		}
		return Retry
	case errors.Is(err, ErrUnknownSchema):
		return Retry
	case errors.As(err, &refused), errors.As(err, &invalid),
		errors.Is(err, ErrMalformed), errors.Is(err, ErrNoPath), errors.Is(err, ErrUnbound), errors.Is(err, ErrTooLarge):
		return Poison
	}
	return ""
}

// unknownError is ErrUnknownSchema with how long the reference has been unknown to this Decoder.
type unknownError struct {
	err error
	age time.Duration
}

func (e *unknownError) Error() string { return e.err.Error() }
func (e *unknownError) Unwrap() error { return e.err }
