package proxy

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	defaultLetters = 100
	maxBoxes       = 1_000 // topics of letters in one answer
	maxActBody     = 256 << 10
	maxReasonBytes = 1_000 // of the reason for a redrive or discard
)

// boxSummary is one topic of letters in the list of all.
type boxSummary struct {
	letterBox
	Letters int64 `json:"letters"` // records it holds
	Settled int64 `json:"settled"` // of them: redriven or discarded
	Waiting int64 `json:"waiting"`
}

type boxList struct {
	Topics []boxSummary `json:"topics"`
}

type letterList struct {
	letterBox
	Letters []letter `json:"letters"` // by partition, then by offset
	Next    string   `json:"next,omitempty"`
}

// getLetters lists the topics that hold letters, or with ?topic= their letters.
func (s *Server) getLetters(w http.ResponseWriter, r *http.Request) error {
	id, err := s.caller(r)
	if err != nil {
		return err
	}
	f := letterFilter{}
	limit, position, state, topic := defaultLetters, "", stateWaiting, ""
	for name, values := range r.URL.Query() {
		v := values[len(values)-1]
		var err error
		switch name {
		case "topic":
			topic = v
		case "after":
			position = v
		case "limit":
			if limit, err = strconv.Atoi(v); err == nil && (limit < 1 || limit > MaxLetters) {
				err = errNumber
			}
		case "type":
			f.Type = v
		case "class":
			f.Class = v
		case "address":
			f.Address = v
		case "since":
			f.Since, err = time.Parse(time.RFC3339, v)
		case "state":
			if state = v; !slices.Contains([]string{stateWaiting, stateRedriven, stateDiscarded, "all"}, v) {
				err = errNumber
			}
		default:
			return refuseHTTP(http.StatusBadRequest, "unknown query parameter %q", name)
		}
		if err != nil {
			return refuseHTTP(http.StatusBadRequest, "query parameter %s: %q is not a valid value", name, v)
		}
	}
	if topic == "" {
		return s.listBoxes(w, r, id)
	}
	box, err := s.box(id.MayRead, topic, "reader")
	if err != nil {
		return err
	}
	list, err := s.listLetters(r, box, &f, state, position, limit)
	if err != nil {
		return unreadable(err)
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

// box finds a topic of letters that the caller may see.
func (s *Server) box(may func(string) bool, topic, role string) (letterBox, error) {
	box, ok := boxOf(topic)
	if !ok || !validTopic(topic) {
		return box, refuseHTTP(http.StatusNotFound, "%q holds no letters: want a topic that ends in %s or %s", topic, QuarantineSuffix, DeadSuffix)
	}
	if may != nil && !may(topic) {
		return box, refuseHTTP(http.StatusForbidden, "no grant of role %s on topic %s", role, topic)
	}
	return box, nil
}

// listBoxes answers with every topic that holds letters and that the caller may see.
func (s *Server) listBoxes(w http.ResponseWriter, r *http.Request, id Identity) error {
	own := s.own.Load()
	if own == nil {
		return refuseHTTP(http.StatusServiceUnavailable, "not serving")
	}
	admin := kadm.NewClient(own)
	topics, err := admin.ListTopics(r.Context())
	if err != nil {
		return unreadable(err)
	}
	list := boxList{Topics: []boxSummary{}}
	var names []string
	for _, name := range topics.Names() {
		if _, ok := boxOf(name); ok && (id.MayRead == nil || id.MayRead(name)) && len(names) < maxBoxes {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		writeJSON(w, http.StatusOK, list)
		return nil
	}
	starts, err := admin.ListStartOffsets(r.Context(), names...)
	if err != nil {
		return unreadable(err)
	}
	ends, err := admin.ListCommittedOffsets(r.Context(), names...)
	if err != nil {
		return unreadable(err)
	}
	for _, name := range names {
		settled, err := s.marksOf(r.Context(), name, false)
		if err != nil {
			return unreadable(err)
		}
		box, _ := boxOf(name)
		sum := boxSummary{letterBox: box}
		for partition, end := range ends[name] {
			first := starts[name][partition].Offset
			sum.Letters += max(end.Offset-first, 0)
			for offset := range settled[partition] {
				if offset >= first && offset < end.Offset {
					sum.Settled++
				}
			}
		}
		sum.Waiting = sum.Letters - sum.Settled
		list.Topics = append(list.Topics, sum)
	}
	slices.SortFunc(list.Topics, func(a, b boxSummary) int { return cmp.Compare(a.Topic, b.Topic) })
	writeJSON(w, http.StatusOK, list)
	return nil
}

// listLetters reads a page.
func (s *Server) listLetters(r *http.Request, box letterBox, f *letterFilter, state, position string, limit int) (*letterList, error) {
	settled, err := s.marksOf(r.Context(), box.Topic, false)
	if err != nil {
		return nil, err
	}
	parts, err := s.extents(r.Context(), box.Topic, f.Since)
	if err != nil {
		return nil, err
	}
	if parts, err = after(parts, position); err != nil {
		return nil, err
	}
	list := &letterList{letterBox: box, Letters: []letter{}}
	reader := &letterReader{srv: s, ctx: r.Context(), box: box, plans: s.current()}
	scanned, bytes := 0, 0
	err = s.scan(r.Context(), box.Topic, parts, func(r *kgo.Record, control bool) error {
		scanned++
		if len(list.Letters) == limit || scanned > MaxLettersScanned || bytes > maxLetterBytes {
			list.Next = letterPosition{r.Partition, r.Offset}.String()
			return errEnough
		}
		bytes += len(r.Value)
		if control {
			return nil
		}
		o := reader.open(r, settled)
		if (state == "all" || state == o.State) && f.takes(o) {
			reader.redact(o, maxListedEvent)
			list.Letters = append(list.Letters, o.letter)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return list, nil
}

// getLetter shows one letter, whole to those who may put it back.
func (s *Server) getLetter(w http.ResponseWriter, r *http.Request) error {
	id, err := s.caller(r)
	if err != nil {
		return err
	}
	box, err := s.box(id.MayRead, r.PathValue("topic"), "reader")
	if err != nil {
		return err
	}
	at, err := parsePosition(r.PathValue("partition") + "/" + r.PathValue("offset"))
	if err != nil {
		return refuseHTTP(http.StatusNotFound, "%s", err)
	}
	settled, err := s.marksOf(r.Context(), box.Topic, false)
	if err != nil {
		return unreadable(err)
	}
	parts, err := s.extents(r.Context(), box.Topic, time.Time{})
	if err != nil {
		return unreadable(err)
	}
	reader := &letterReader{srv: s, ctx: r.Context(), box: box, plans: s.current()}
	var found *opened
	for _, part := range parts {
		if part.partition != at.partition || at.offset < part.first || at.offset >= part.next {
			continue
		}
		err = s.scan(r.Context(), box.Topic, []extent{{at.partition, at.offset, at.offset + 1}}, func(r *kgo.Record, control bool) error {
			if !control && r.Offset == at.offset {
				found = reader.open(r, settled)
			}
			return nil
		})
		if err != nil {
			return unreadable(err)
		}
	}
	if found == nil {
		return refuseHTTP(http.StatusNotFound, "topic %s has no letter %s", box.Topic, at)
	}
	writeJSON(w, http.StatusOK, reader.detail(found, id.MayOperate == nil || id.MayOperate(box.Topic)))
	return nil
}

// postLetters redrives or discards letters.
func (s *Server) postLetters(op string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(media) != typeJSON {
			return refuseHTTP(http.StatusUnsupportedMediaType, "Content-Type %q: must be %s", r.Header.Get("Content-Type"), typeJSON)
		}
		id, err := s.caller(r)
		if err != nil {
			return err
		}
		ask, err := readAct(w, r, op)
		if err != nil {
			return err
		}
		box, err := s.box(id.MayOperate, ask.Topic, "operator")
		if err != nil {
			return err
		}
		if op == opRedrive && id.MayOperate != nil && !id.MayOperate(box.To) {
			return refuseHTTP(http.StatusForbidden, "no grant of role operator on topic %s, where these go back to", box.To)
		}
		by := id.Principal
		if by == "" {
			by = anonymous
		}
		answer, err := s.act(r.Context(), op, box, ask, by, func(n Note) error {
			if s.cfg.Audit == nil {
				return nil
			}
			err := s.cfg.Audit(r, n)
			if errors.Is(err, ErrForbidden) {
				return refuseHTTP(http.StatusForbidden, "nothing was done: %s", err)
			}
			if err != nil {
				return refuseHTTP(http.StatusServiceUnavailable, "nothing was done: the audit takes no row: %s", err)
			}
			return nil
		})
		if err != nil {
			return err
		}
		status := http.StatusOK
		if answer.Refused > 0 || answer.Stopped != "" {
			status = http.StatusMultiStatus
		}
		writeJSON(w, status, answer)
		return nil
	}
}

// readAct reads the body of a redrive or discard.
func readAct(w http.ResponseWriter, r *http.Request, op string) (*actRequest, error) {
	var ask actRequest
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxActBody))
	dec.DisallowUnknownFields()
	err := dec.Decode(&ask)
	if err == nil {
		_, err = dec.Token()
		if errors.Is(err, io.EOF) {
			err = nil
		} else if err == nil {
			err = errors.New("text after the object")
		}
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, refuseHTTP(http.StatusRequestEntityTooLarge, "body is over %d bytes", maxActBody)
	}
	switch {
	case err != nil:
		return nil, refuseHTTP(http.StatusBadRequest, "body: %s", err)
	case len(ask.Offsets) > MaxLetters:
		return nil, refuseHTTP(http.StatusUnprocessableEntity, "offsets: %d of them, at most %d at once", len(ask.Offsets), MaxLetters)
	case len(ask.Offsets) > 0 && (ask.letterFilter != letterFilter{}):
		return nil, refuseHTTP(http.StatusUnprocessableEntity, "either offsets, or type, class, address, since")
	case ask.Rate < 0 || ask.Rate > MaxRedriveRate:
		return nil, refuseHTTP(http.StatusUnprocessableEntity, "rate: at most %d letters a second", MaxRedriveRate)
	case ask.Limit < 0 || ask.Limit > MaxLetters:
		return nil, refuseHTTP(http.StatusUnprocessableEntity, "limit: at most %d", MaxLetters)
	case len(ask.Reason) > maxReasonBytes:
		return nil, refuseHTTP(http.StatusUnprocessableEntity, "reason: at most %d bytes", maxReasonBytes)
	case op == opDiscard && strings.TrimSpace(ask.Reason) == "" && !ask.DryRun:
		return nil, refuseHTTP(http.StatusUnprocessableEntity, "reason: a discard needs one")
	}
	return &ask, nil
}

// wholeOf is a record as it is.
func wholeOf(r *kgo.Record) *wholeRecord {
	w := &wholeRecord{Headers: []wholeHeader{}}
	text := func(b []byte) (*string, bool) {
		if b == nil {
			return nil, false
		}
		s, coded := textOrBase64(b)
		return &s, coded
	}
	for _, part := range []struct {
		name string
		from []byte
		to   **string
	}{{"key", r.Key, &w.Key}, {"value", r.Value, &w.Value}} {
		s, coded := text(part.from)
		if *part.to = s; coded {
			w.Base64 = append(w.Base64, part.name)
		}
	}
	for _, h := range r.Headers {
		s, coded := text(h.Value)
		w.Headers = append(w.Headers, wholeHeader{h.Key, s, coded})
	}
	return w
}

// textOrBase64 is bytes as JSON can hold them, and whether that is base64.
func textOrBase64(b []byte) (text string, coded bool) {
	if utf8.Valid(b) {
		return string(b), false
	}
	return base64.StdEncoding.EncodeToString(b), true
}
