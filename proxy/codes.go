package proxy

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Reason says why a record was not accepted. Reports, metrics and logs use these words.
type Reason string

// The reasons. Unavailable alone is no verdict: the record may pass later.
const (
	Instance      Reason = "instance"       // not an instance of its schema
	NotJSON       Reason = "not_json"       // broken frame, not JSON, or JSON that two readers may read differently
	OverLimit     Reason = "limit"          // over a limit of the gate or of the validator
	NoReference   Reason = "no_reference"   // several subjects on the topic, and the record names none
	WrongSubject  Reason = "wrong_subject"  // the schema is not one of the topic's, or the event's type contradicts it
	UnknownSchema Reason = "unknown_schema" // the registry says there is no such schema
	BrokenSchema  Reason = "broken_schema"  // stored, but does not compile
	Tombstone     Reason = "tombstone"      // null value on a topic that does not take any
	Empty         Reason = "empty"          // value of length 0
	Sender        Reason = "sender"         // the producer is not a declared sender
	Malformed     Reason = "malformed"      // the batch itself cannot be read
	Unavailable   Reason = "unavailable"    // the schema could not be asked for
)

// code maps a reason to what a Kafka client is told: the one place that does. Unavailable is NOT_ENOUGH_REPLICAS because
// that is retriable, means "not persisted" to every client, and starts no metadata storm.
func (r Reason) code() int16 {
	if r == Unavailable {
		return kerr.NotEnoughReplicas.Code
	}
	return kerr.InvalidRecord.Code
}

// faultCode maps what is wrong with a batch as a whole to what a Kafka client is told.
func faultCode(err error) int16 {
	switch {
	case errors.Is(err, errTooLarge):
		return kerr.MessageTooLarge.Code
	case errors.Is(err, errCRC):
		return kerr.CorruptMessage.Code
	case errors.Is(err, errCodec):
		return kerr.UnsupportedCompressionType.Code
	default:
		return kerr.InvalidRecord.Code
	}
}
