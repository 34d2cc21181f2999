package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/accordhq/accord/compat"
	"github.com/accordhq/accord/upcast"
	"github.com/accordhq/accord/validator"
)

// Limits of an Impact.
const (
	MaxConsumers = 1_000 // declared readers of one subject that are asked; by service
	MaxUpgrades  = 100   // retained versions, newest first, that one reader is asked about
)

// Effect is what a new version does to one consumer.
type Effect string

// The effects. NotAffected: every event of the new version satisfies what the consumer relies on. Carried: not every
// one does, and its decoder brings them to the version that it was built for. Breaks: one does not. Undecided: nobody
// can tell, or the consumer's declaration names what is not there. EnvelopeOnly: it reads nothing, and is not counted.
const (
	NotAffected  Effect = "not affected"
	Carried      Effect = "carried"
	Breaks       Effect = "breaks"
	EffectOpen   Effect = "undecided"
	EnvelopeOnly Effect = "envelope only"
)

// Impact is whom a version of a subject hurts when its events begin to flow.
type Impact struct {
	Version   int              `json:"version"`   // the one that is judged
	Breaks    int              `json:"breaks"`    // consumers whose Effect is Breaks
	Of        int              `json:"of"`        // consumers but those of the envelope alone
	Undecided int              `json:"undecided"` // consumers whose Effect is EffectOpen
	Consumers []ConsumerImpact `json:"consumers"` // by service and version; never nil
}

// ConsumerImpact is what a version does to one service that receives the subject. Its contract is the schema of the
// version that it was built for, restricted to what it reads (compat.Contract).
type ConsumerImpact struct {
	Service string          `json:"service"`
	Owner   string          `json:"owner,omitempty"`
	Version int             `json:"version"`         // that its code was built for
	Reads   []Read          `json:"reads"`           // null: everything
	Effect  Effect          `json:"effect"`          // of the new version's events on the code that runs
	Because string          `json:"because"`         // in words
	Address string          `json:"address"`         // of Reads: which one Event hurts; "" if none or everything
	Event   json.RawMessage `json:"event,omitempty"` // of Breaks and Carried: valid under the new version, not what the consumer relies on
	// Violations are what the contract says of Event.
	Violations []validator.Violation `json:"violations,omitempty"`
	// Upgrade is the first retained version, newest first, that code built for the new version could not read.
	Upgrade *UpgradeImpact `json:"upgrade,omitempty"`
}

// UpgradeImpact is an event that is still in the topic when a consumer moves to the new version.
type UpgradeImpact struct {
	From    int             `json:"from"`
	Effect  Effect          `json:"effect"` // Breaks or EffectOpen
	Because string          `json:"because"`
	Event   json.RawMessage `json:"event,omitempty"`
}

// Sentence is "v4 breaks 2 of 4 consumers".
func (i Impact) Sentence() string {
	s := fmt.Sprintf("v%d breaks %d of %d consumers", i.Version, i.Breaks, i.Of)
	if i.Undecided > 0 {
		s += fmt.Sprintf(", %d undecided", i.Undecided)
	}
	return s
}

// Impact says whom the schema of a judgement would hurt as the next version: one that Check made, or one that
// Incompatible carries. It stores nothing and never stands in the way of a registration. Busy, and store errors.
func (r *Registry) Impact(ctx context.Context, j *Judgement) (Impact, error) {
	if j.next == nil || j.subject == nil {
		return Impact{Consumers: []ConsumerImpact{}}, nil
	}
	a := affected{registry: r, subject: j.subject, number: j.subject.Head.Number + 1, next: j.next, older: j.subject.Versions}
	a.down = func(ctx context.Context, to int) (bool, error) { return r.carriesDown(ctx, j, to) }
	a.up = func(ctx context.Context, from int) (bool, error) { return r.carriesUp(ctx, j, from) }
	return a.impact(ctx)
}

// ImpactOf says whom a stored version (Latest for the newest) hurts, as Impact does. SubjectNotFound, VersionNotFound,
// InvalidSchema if it does not compile.
func (r *Registry) ImpactOf(ctx context.Context, name Name, number int) (Impact, error) {
	s, err := r.resolve(ctx, name)
	if err != nil {
		return Impact{}, err
	}
	if !s.any(WithDeleted) {
		return Impact{}, &Error{Reason: SubjectNotFound, Name: name}
	}
	v := s.at(number, WithDeleted)
	if v == nil {
		return Impact{}, &Error{Reason: VersionNotFound, Name: name, Version: number}
	}
	next, err := r.compiledSchema(ctx, v)
	if err != nil {
		return Impact{}, err
	}
	older := slices.DeleteFunc(slices.Clone(s.Versions), func(o Version) bool { return o.Number >= v.Number })
	a := affected{registry: r, subject: s, number: v.Number, next: next, older: older}
	a.down = func(ctx context.Context, to int) (bool, error) {
		return r.leads(ctx, upcast.Down, s.Versions, to, v.Number)
	}
	a.up = func(ctx context.Context, from int) (bool, error) {
		return r.leads(ctx, upcast.Up, s.Versions, from, v.Number)
	}
	return a.impact(ctx)
}

// leads says whether there is a way between two stored versions.
func (r *Registry) leads(ctx context.Context, dir upcast.Direction, versions []Version, from, to int) (bool, error) {
	if from == to {
		return true, nil
	}
	_, broken, err := r.path(ctx, dir, versions, from, to)
	if errors.Is(err, InvalidSchema) || errors.Is(err, InvalidLens) {
		return false, nil
	}
	return broken == nil && err == nil, err
}

// carriesDown says whether decoders bring events of a proposal down to a stored version.
func (r *Registry) carriesDown(ctx context.Context, j *Judgement, to int) (bool, error) {
	last := &j.subject.Versions[len(j.subject.Versions)-1]
	if j.Lens != nil {
		if j.Lens.Down.Verdict != LensTested {
			return false, nil
		}
	} else if ok, err := r.sameEvents(ctx, upcast.Down, last, j.next); !ok || err != nil {
		return false, err
	}
	return r.leads(ctx, upcast.Down, j.subject.Versions, to, last.Number)
}

// carriesUp says whether decoders bring events of a stored version up to a proposal.
func (r *Registry) carriesUp(ctx context.Context, j *Judgement, from int) (bool, error) {
	if j.Lens != nil {
		return j.Lens.Chain[fmt.Sprint(from)] == LensTested, nil
	}
	last := &j.subject.Versions[len(j.subject.Versions)-1]
	if ok, err := r.sameEvents(ctx, upcast.Up, last, j.next); !ok || err != nil {
		return false, err
	}
	return r.leads(ctx, upcast.Up, j.subject.Versions, from, last.Number)
}

// sameEvents says whether the step between a stored version and a schema changes nothing.
func (r *Registry) sameEvents(ctx context.Context, dir upcast.Direction, last *Version, next *compat.Schema) (bool, error) {
	old, err := r.compiledSchema(ctx, last)
	if errors.Is(err, InvalidSchema) {
		return false, nil
	}
	return err == nil && r.identity(ctx, dir, old, next) != nil, err
}

// affected is one question about all consumers of a subject.
type affected struct {
	registry  *Registry
	subject   *Subject
	number    int
	next      *compat.Schema
	older     []Version
	down, up  func(ctx context.Context, version int) (bool, error) // whether decoders carry an event
	contracts map[string]contract
}

// contract is what consumers of one version with the same reads rely on.
type contract struct {
	schema *compat.Schema
	err    error
}

func (a *affected) impact(ctx context.Context) (Impact, error) {
	out := Impact{Version: a.number, Consumers: []ConsumerImpact{}}
	if a.subject.Context != "" {
		return out, nil // services name subjects of the default context
	}
	services, err := a.registry.services(ctx)
	if err != nil {
		return out, err
	}
	done, err := a.registry.turn(ctx)
	if err != nil {
		return out, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, JudgeBudget)
	defer cancel()
	a.contracts = map[string]contract{}
	for _, service := range services {
		for _, receive := range service.Receives {
			if receive.Event != a.subject.Subject || len(out.Consumers) >= MaxConsumers {
				continue
			}
			c, err := a.consumer(ctx, service, receive)
			if err != nil {
				return out, err
			}
			out.Consumers = append(out.Consumers, c)
		}
	}
	slices.SortStableFunc(out.Consumers, func(x, y ConsumerImpact) int {
		return cmp.Or(strings.Compare(x.Service, y.Service), cmp.Compare(x.Version, y.Version))
	})
	for _, c := range out.Consumers {
		switch c.Effect {
		case EnvelopeOnly:
			continue
		case Breaks:
			out.Breaks++
		case EffectOpen:
			out.Undecided++
		}
		out.Of++
	}
	return out, nil
}

// consumer asks about one service, first for now, then for its own upgrade.
func (a *affected) consumer(ctx context.Context, service *Service, receive Receive) (ConsumerImpact, error) {
	c := ConsumerImpact{Service: service.Name, Owner: service.Owner, Version: receive.Version, Reads: receive.Reads}
	if receive.Reads != nil && len(receive.Reads) == 0 {
		c.Effect, c.Because = EnvelopeOnly, "it reads the envelope alone"
		return c, nil
	}
	if c.Version == 0 { // it takes what comes: what came last
		for _, v := range a.older {
			c.Version = v.Number
		}
	}
	k, err := a.contract(ctx, c.Version, receive)
	if err != nil {
		return c, err
	}
	if k.err != nil {
		c.Effect, c.Because = EffectOpen, k.err.Error()
		return c, nil
	}
	result := a.registry.checker.Contains(ctx, a.next, k.schema, compat.Options{})
	lens := receive.Decode == "lens"
	switch result.Verdict {
	case compat.Compatible:
		c.Effect, c.Because = NotAffected, "every event satisfies what it relies on"
	case compat.Undecided:
		c.Effect, c.Because = EffectOpen, fmt.Sprintf("%s: %s", result.Reason, result.Detail)
	default:
		x := result.Counterexample
		c.Effect, c.Event, c.Violations = Breaks, x.Event, x.Violations
		c.Address, c.Because = blame(receive.Reads, x.Violations)
	}
	if result.Verdict != compat.Compatible && lens && c.Version < a.number {
		ok, err := a.down(ctx, c.Version)
		if err != nil {
			return c, err
		}
		if ok {
			c.Effect, c.Because = Carried, fmt.Sprintf("its decoder brings every event to version %d", c.Version)
		}
	}
	c.Upgrade, err = a.upgrade(ctx, receive, lens)
	return c, err
}

// contract is what a consumer relies on, made once for consumers that rely on the same.
func (a *affected) contract(ctx context.Context, version int, receive Receive) (contract, error) {
	var reads []compat.Read
	for _, read := range receive.Reads {
		reads = append(reads, compat.Read{Address: read.At, Optional: read.Optional})
	}
	if receive.Reads == nil {
		reads = []compat.Read{{}} // everything
	}
	key := fmt.Sprintf("%d %t %+v", version, receive.Strict, reads)
	if k, ok := a.contracts[key]; ok {
		return k, nil
	}
	of := a.next
	if version != a.number {
		v := a.subject.at(version, WithDeleted)
		if v == nil || version == 0 {
			k := contract{err: fmt.Errorf("version %d, which it is built for, is not there", version)}
			a.contracts[key] = k
			return k, nil
		}
		var err error
		if of, err = a.registry.compiledSchema(ctx, v); err != nil {
			if !errors.Is(err, InvalidSchema) {
				return contract{}, err
			}
			return contract{err: fmt.Errorf("version %d does not compile", version)}, nil
		}
	}
	var k contract
	k.schema, k.err = compat.Contract(of, reads, receive.Strict)
	if k.err != nil {
		k.err = fmt.Errorf("version %d: %w", version, k.err)
	}
	a.contracts[key] = k
	return k, nil
}

// upgrade finds the newest retained version that code built for the new one could not read.
func (a *affected) upgrade(ctx context.Context, receive Receive, lens bool) (*UpgradeImpact, error) {
	k, err := a.contract(ctx, a.number, receive)
	if err != nil {
		return nil, err
	}
	if missing, ok := errors.AsType[*compat.AddressError](k.err); ok {
		return &UpgradeImpact{From: a.number, Effect: Breaks, Because: fmt.Sprintf("version %d has no %s", a.number, missing.Address)}, nil
	}
	if k.err != nil {
		return &UpgradeImpact{From: a.number, Effect: EffectOpen, Because: k.err.Error()}, nil
	}
	asked := 0
	for _, v := range slices.Backward(a.older) {
		if v.State == Gone {
			continue
		}
		if asked++; asked > MaxUpgrades {
			return nil, nil
		}
		old, err := a.registry.compiledSchema(ctx, &v)
		if errors.Is(err, InvalidSchema) {
			return &UpgradeImpact{From: v.Number, Effect: EffectOpen, Because: fmt.Sprintf("version %d does not compile", v.Number)}, nil
		}
		if err != nil {
			return nil, err
		}
		result := a.registry.checker.Contains(ctx, old, k.schema, compat.Options{})
		if result.Verdict == compat.Compatible {
			continue
		}
		if lens {
			ok, err := a.up(ctx, v.Number)
			if err != nil {
				return nil, err
			}
			if ok {
				continue
			}
		}
		u := &UpgradeImpact{From: v.Number, Effect: EffectOpen, Because: fmt.Sprintf("%s: %s", result.Reason, result.Detail)}
		if x := result.Counterexample; x != nil {
			u.Effect, u.Event = Breaks, x.Event
			_, u.Because = blame(receive.Reads, x.Violations)
		}
		return u, nil
	}
	return nil, nil
}

// blame finds the read that a violation is about, and says what is wrong there.
func blame(reads []Read, violations []validator.Violation) (address, because string) {
	if len(violations) == 0 {
		return "", "the event is not what it relies on"
	}
	v := violations[0]
	place := strings.Split(v.Pointer, "/")
	best := -1
	for _, read := range reads {
		path := strings.Split(read.At, "/")
		common := 0
		for common < min(len(path), len(place)) && (path[common] == place[common] || path[common] == "*") {
			common++
		}
		if common == min(len(path), len(place)) && common > best && (len(path) <= len(place) || v.Keyword != "required" || strings.Contains(v.Message, fmt.Sprintf("%q", path[len(place)]))) {
			address, best = read.At, common
		}
	}
	at := v.Pointer
	if at == "" {
		at = "the event"
	}
	return address, fmt.Sprintf("%s %s", at, v.Message)
}
