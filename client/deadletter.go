package client

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Headers that DeadLetter adds. All values are text.
const (
	HeaderDLQGroup     = "dlq-group"     // consumer group that gave up
	HeaderDLQTopic     = "dlq-topic"     // where the record came from
	HeaderDLQPartition = "dlq-partition" //
	HeaderDLQOffset    = "dlq-offset"    //
	HeaderDLQTimestamp = "dlq-timestamp" // of the record, RFC 3339
	HeaderDLQService   = "dlq-service"   // service of the group: the group's name up to its first slash
	HeaderDLQClass     = "dlq-class"     // Class of the error; "error" if it has none
	HeaderDLQError     = "dlq-error"     // its text, at most maxDLQError bytes; holds no value of the event
	HeaderDLQPointer   = "dlq-pointer"   // address that the error names; left out if none
	HeaderDLQOp        = "dlq-op"        // lens op that refused; left out if none
	HeaderDLQAttempts  = "dlq-attempts"  // deliveries to the handler
	HeaderDLQFirst     = "dlq-first"     // when the record was first dead-lettered, RFC 3339
	HeaderDLQLast      = "dlq-last"      // when it was now
	HeaderDLQReplays   = "dlq-replays"   // how often it was redriven
)

const (
	dlqPrefix = "dlq-"
	dlqSuffix = ".dlq"

	redriveSuffix = ".redrive" // of the topic by which dead letters come back to their group
	maxDLQError   = 1024
)

// DeadLetter makes the record that a consumer group sends to its dead-letter topic, <group>.dlq, when it gives up on
// rec after some deliveries: key, value and headers unchanged, and the reason in headers. Headers of an earlier
// dead-lettering are replaced; when it was first and how often it was redriven is kept, one more if rec comes from
// <group>.redrive. rec is not changed; its bytes are shared.
func DeadLetter(rec Record, group string, attempts int, err error) Record {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	out := Record{Topic: group + dlqSuffix, Key: rec.Key, Value: rec.Value}
	first, topic := now, rec.Topic
	partition, offset, at := strconv.Itoa(int(rec.Partition)), strconv.FormatInt(rec.Offset, 10), rec.Time.UTC().Format(time.RFC3339Nano)
	replays, _ := strconv.Atoi(rec.Headers.Get(HeaderDLQReplays))
	if rec.Topic == group+redriveSuffix && rec.Headers.Get(HeaderDLQTopic) != "" {
		h := rec.Headers
		replays++
		first, topic = h.Get(HeaderDLQFirst), h.Get(HeaderDLQTopic)
		partition, offset, at = h.Get(HeaderDLQPartition), h.Get(HeaderDLQOffset), h.Get(HeaderDLQTimestamp)
	}
	for _, h := range rec.Headers {
		if !strings.HasPrefix(h.Key, dlqPrefix) {
			out.Headers = append(out.Headers, h)
		}
	}
	service, _, _ := strings.Cut(group, "/")
	class := string(Class(err))
	if class == "" {
		class = "error"
	}
	text := err.Error()
	if len(text) > maxDLQError {
		text = strings.ToValidUTF8(text[:maxDLQError], "")
	}
	pointer, op := "", ""
	if refused, ok := errors.AsType[*UpcastError](err); ok {
		pointer, op = refused.Pointer, refused.Op
	} else if invalid, ok := errors.AsType[*InvalidError](err); ok {
		pointer = invalid.Violations[0].Address
	}
	for _, h := range [][2]string{
		{HeaderDLQGroup, group},
		{HeaderDLQTopic, topic},
		{HeaderDLQPartition, partition},
		{HeaderDLQOffset, offset},
		{HeaderDLQTimestamp, at},
		{HeaderDLQService, service},
		{HeaderDLQClass, class},
		{HeaderDLQError, text},
		{HeaderDLQPointer, pointer},
		{HeaderDLQOp, op},
		{HeaderDLQAttempts, strconv.Itoa(attempts)},
		{HeaderDLQFirst, first},
		{HeaderDLQLast, now},
		{HeaderDLQReplays, strconv.Itoa(replays)},
	} {
		if h[1] != "" {
			out.Headers = append(out.Headers, Header{h[0], []byte(h[1])})
		}
	}
	return out
}
