package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/accordhq/accord/validator"
)

// Bindings is what judges of events need to know: which topic promises what, whose principal is which service, and
// what the latest version of each subject is. Source: GET /v1/bindings.
type Bindings struct {
	Revision Rev
	At       time.Time                   // when the store was known to be at Revision
	Topics   []validator.Binding         // sorted by topic
	Services map[string]string           // principal, such as User:payments, to service
	Latest   map[string]validator.Latest // by qualified subject
}

// bindingView is what Bindings are made of; it is kept up to date change by change.
type bindingView struct {
	rev      Rev
	subjects map[Name]subjectView // with a live version
	docs     map[DocumentPosition]any
}

// subjectView is the live versions of a subject, and the newest of them.
type subjectView struct {
	numbers []int32 // newest first
	latest  validator.Latest
}

// bindingKinds are the kinds of document that bindings are made of.
var bindingKinds = []string{KindProject, KindService, KindChannel, KindEvent, KindCommand, KindState}

// viewSubject keeps what a view needs of a subject; false if no version is live.
func viewSubject(s *Subject) (v subjectView, live bool, err error) {
	for i := len(s.Versions) - 1; i >= 0; i-- {
		if s.Versions[i].State == Live {
			v.numbers = append(v.numbers, int32(s.Versions[i].Number))
		}
	}
	latest := s.latest()
	if latest == nil {
		return v, false, nil
	}
	guid, err := validator.ParseGUID(latest.Schema.GUID)
	v.latest = validator.Latest{Version: int32(latest.Number), ID: int32(latest.Schema.ID), GUID: guid}
	return v, true, err
}

// loadView reads everything.
func (r *Registry) loadView(ctx context.Context) (*bindingView, error) {
	v := &bindingView{subjects: map[Name]subjectView{}, docs: map[DocumentPosition]any{}}
	var err error
	if v.rev, err = r.store.Revision(ctx); err != nil { // before the rest: what is newer than it comes again as a change
		return nil, err
	}
	for q := (Query{Expand: ExpandVersions, Limit: MaxPage}); ; {
		page, err := r.store.Subjects(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page {
			if err := v.put(&page[i]); err != nil {
				return nil, err
			}
		}
		if len(page) < MaxPage {
			break
		}
		q.After = page[len(page)-1].Name
	}
	for _, kind := range bindingKinds {
		for after := (DocumentPosition{}); ; {
			page, err := r.store.ListDocuments(ctx, kind, after, MaxPage)
			if err != nil {
				return nil, err
			}
			for _, d := range page {
				v.putDocument(d)
			}
			if len(page) < MaxPage {
				break
			}
			after = DocumentPosition{Kind: kind, Name: page[len(page)-1].Name}
		}
	}
	return v, nil
}

func (v *bindingView) put(s *Subject) error {
	view, live, err := viewSubject(s)
	if live {
		v.subjects[s.Name] = view
	} else {
		delete(v.subjects, s.Name)
	}
	return err
}

// putDocument takes a document in; one that this release cannot read counts as absent.
func (v *bindingView) putDocument(d Document) {
	doc, err := DecodeDocument(d.Body)
	if err != nil {
		delete(v.docs, DocumentPosition{d.Kind, d.Name})
		return
	}
	v.docs[DocumentPosition{d.Kind, d.Name}] = doc
}

// follow reads again what changes touch.
func (r *Registry) follow(ctx context.Context, v *bindingView, changes []Change) error {
	seen := map[Name]bool{}
	for _, c := range changes {
		v.rev = max(v.rev, c.Rev)
		if seen[c.Name] {
			continue
		}
		switch c.Op {
		case OpRegister, OpDelete, OpPurge, OpUndelete:
			seen[c.Name] = true
			s, err := r.freshSubject(ctx, c.Name)
			if err != nil {
				return err
			}
			if err := v.put(s); err != nil {
				return err
			}
		case OpDocument, OpUndocument:
			seen[c.Name] = true
			kind, name, _ := strings.Cut(c.Subject, "/")
			if !slices.Contains(bindingKinds, kind) {
				continue
			}
			d, err := r.store.Document(ctx, kind, name)
			switch {
			case errors.Is(err, DocumentNotFound):
				delete(v.docs, DocumentPosition{kind, name})
			case err != nil:
				return err
			default:
				v.putDocument(d)
			}
		}
	}
	return nil
}

// each visits the documents of one type, by name.
func each[T any](v *bindingView, visit func(DocumentPosition, T)) {
	positions := slices.SortedFunc(maps.Keys(v.docs), func(a, b DocumentPosition) int {
		return strings.Compare(a.Kind+"/"+a.Name, b.Kind+"/"+b.Name)
	})
	for _, at := range positions {
		if doc, ok := v.docs[at].(T); ok {
			visit(at, doc)
		}
	}
}

// bindings makes Bindings of the view.
func (v *bindingView) bindings(at time.Time) Bindings {
	b := Bindings{Revision: v.rev, At: at, Services: map[string]string{}, Latest: map[string]validator.Latest{}}
	senders := map[string][]string{}
	each(v, func(_ DocumentPosition, s *Service) {
		for _, principal := range s.Principals {
			b.Services[principal] = s.Name
		}
		for _, sends := range s.Sends {
			senders[sends.Event] = append(senders[sends.Event], s.Name)
		}
	})
	promises := map[string][]validator.Promise{} // by channel
	each(v, func(at DocumentPosition, e *Event) {
		if e.Channel == "" {
			return
		}
		who := slices.Compact(slices.Sorted(slices.Values(senders[e.Name])))
		promises[e.Channel] = append(promises[e.Channel], validator.Promise{
			Subject: e.Name, Versions: v.subjects[Name{Subject: e.Name}].numbers, State: at.Kind == KindState, KeyPointer: e.Key, Senders: who,
		})
	})
	var defaults *Enforce
	each(v, func(_ DocumentPosition, p *Project) { defaults = p.Enforce })
	topics := map[string]*validator.Binding{}
	each(v, func(_ DocumentPosition, c *Channel) {
		if len(promises[c.Name]) > 0 {
			topics[c.Kafka.Topic] = &validator.Binding{
				Topic: c.Kafka.Topic, Declared: true, Compacted: c.Kafka.Cleanup == "compact",
				Values: promises[c.Name], Enforce: c.Enforce.over(defaults).print(),
			}
		}
	})
	for name, s := range v.subjects {
		b.Latest[name.String()] = s.latest
		if name.Context != "" {
			continue
		}
		promise := []validator.Promise{{Subject: name.String(), Versions: s.numbers}}
		if topic, ok := strings.CutSuffix(name.Subject, "-value"); ok && (topics[topic] == nil || !topics[topic].Declared) {
			topicBinding(topics, topic, defaults).Values = promise
		}
		if topic, ok := strings.CutSuffix(name.Subject, "-key"); ok {
			topicBinding(topics, topic, defaults).Keys = promise
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(topics)) {
		b.Topics = append(b.Topics, *topics[topic])
	}
	return b
}

// topicBinding is the binding of a topic, made if it is not there.
func topicBinding(topics map[string]*validator.Binding, topic string, defaults *Enforce) *validator.Binding {
	if topics[topic] == nil {
		topics[topic] = &validator.Binding{Topic: topic, Enforce: (*Enforce)(nil).over(defaults).print()}
	}
	return topics[topic]
}

// over fills what e leaves open from the project's defaults, and then from the program's.
func (e *Enforce) over(defaults *Enforce) Enforce {
	full := deref(e)
	for _, next := range []Enforce{deref(defaults), {Policy: "reject", Tombstones: "auto", Unknown: "retry"}} {
		pick(&full.Policy, next.Policy)
		pick(&full.Quarantine, next.Quarantine)
		pick(&full.Choose, next.Choose)
		pick(&full.Tombstones, next.Tombstones)
		pick(&full.Unknown, next.Unknown)
		pick(&full.Senders, next.Senders)
		pick(&full.Discriminator, next.Discriminator)
	}
	return full
}

// print is the member as judges read it.
func (e Enforce) print() []byte {
	b, err := json.Marshal(e)
	if err != nil {
		panic("enforce cannot be printed: " + err.Error()) // it holds strings, numbers and booleans
	}
	return b
}
