package proxy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// stream takes one event a line and answers one line each, in order, while the request is still being read. A client that
// does not read its answers is not read from once MaxStreamInFlight of them wait.
func (f *front) stream(w http.ResponseWriter, r *http.Request) error {
	control := http.NewResponseController(w)
	if err := control.EnableFullDuplex(); err != nil && r.ProtoMajor == 1 {
		return err
	}
	headers, err := binaryHeaders(r.Header, typeJSON)
	if err != nil {
		return err
	}
	if headers != nil {
		return refuseHTTP(http.StatusBadRequest, "ce-* headers speak of one event, this is a stream")
	}
	w.Header().Set("Content-Type", typeNDJSON)
	w.WriteHeader(http.StatusOK)
	if err := control.Flush(); err != nil {
		return &problem{answered: true}
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	converse(w, control, cancel, func(lines chan<- chan result) { f.readStream(ctx, control, r.Body, lines) })
	return nil
}

// converse answers while read reads: each line, one answer, in order. read returns when it has nothing more to ask; cancel is
// called when nobody listens any more.
func converse[T any](w io.Writer, control *http.ResponseController, cancel func(), read func(lines chan<- chan T)) {
	lines := make(chan chan T, MaxStreamInFlight)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer cancel()
		writeStream(w, control, lines)
	}()
	read(lines)
	close(lines)
	<-done
}

// writeStream writes answers as they come true, and flushes before it waits.
func writeStream[T any](w io.Writer, control *http.ResponseController, lines <-chan chan T) {
	enc := json.NewEncoder(w)
	broken := false // the client is gone; what was begun is still waited for
	flush := func() { broken = broken || control.Flush() != nil }
	for {
		line, ok := orFirst(lines, flush)
		if !ok {
			flush()
			return
		}
		res, _ := orFirst(line, flush)
		if !broken {
			_ = control.SetWriteDeadline(time.Now().Add(StreamIdle))
			broken = enc.Encode(res) != nil
		}
	}
}

// orFirst receives from c, and calls first if that means to wait.
func orFirst[T any](c <-chan T, first func()) (v T, ok bool) {
	select {
	case v, ok = <-c:
	default:
		first()
		v, ok = <-c
	}
	return v, ok
}

// readStream judges and produces line by line until the body, the client or its patience ends.
func (f *front) readStream(ctx context.Context, control *http.ResponseController, body io.Reader, lines chan<- chan result) {
	reader := bufio.NewReaderSize(body, 64<<10)
	for i := 0; ; {
		_ = control.SetReadDeadline(time.Now().Add(StreamIdle))
		line, tooLong, err := readLine(reader)
		if len(line) > 0 || tooLong {
			slot := make(chan result, 1)
			select {
			case lines <- slot:
			case <-ctx.Done():
				return
			}
			f.one(ctx, i, line, tooLong, slot)
			i++
		}
		if err != nil {
			return
		}
	}
}

// one judges and produces one line of a stream; its result goes to slot.
func (f *front) one(ctx context.Context, i int, line []byte, tooLong bool, slot chan<- result) {
	e := newEvent(line, nil)
	if tooLong {
		e = event{fault: tooLarge()}
	}
	f.renew()
	record, res := f.decide(i, &e)
	if record == nil || f.opts.dryRun {
		slot <- res
		return
	}
	if err := f.srv.events.take(ctx, 1); err != nil {
		res.Status, res.Error = http.StatusServiceUnavailable, "not produced: the stream ended"
		slot <- res
		return
	}
	sending, cancel := f.bounded(context.WithoutCancel(ctx), record)
	f.own.Produce(sending, record, func(record *kgo.Record, err error) {
		cancel()
		f.srv.events.give(1)
		f.produced(&res, record, err)
		slot <- res
	})
}

// bounded is the context for sending a record: it ends after produceTimeout, counted from now whatever the record's timestamp
// is, and carries the partition that was chosen for it.
func (f *front) bounded(ctx context.Context, r *kgo.Record) (context.Context, context.CancelFunc) {
	if r.Context != nil {
		ctx = context.WithValue(ctx, choiceKey{}, r.Context.Value(choiceKey{}))
	}
	return context.WithTimeout(ctx, produceTimeout)
}

// readLine returns the next line without white space around it, as a copy; or that it was over MaxHTTPEventBytes, and
// then it is skipped.
func readLine(r *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > MaxHTTPEventBytes+1 {
			line, tooLong = nil, true
		}
		if !tooLong {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return bytes.TrimSpace(line), tooLong, err
		}
	}
}
