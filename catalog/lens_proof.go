package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/accordhq/accord/compat"
	"github.com/accordhq/accord/upcast"
)

// ProofSamples is how many generated events of the version before a lens must carry, and of the new version on the
// way back; a schema with fewer gives all it has. chainSamples is the same for each older version.
const (
	ProofSamples = 512
	chainSamples = 64
	// systematic is how many of them compat makes: its stream begins with the edges, one by one, and goes on at random,
	// which variations of these do at a fraction of the price.
	systematic = 64
	proofSeed  = 1
)

// LensReport is what the proof of a lens found. It is stored with the version and shown.
type LensReport struct {
	Up   LensVerdict `json:"up"`
	Down LensVerdict `json:"down"`
	// Chain is the verdict for each older version, by number, on its whole way to the new one: tested, or gap.
	Chain    map[string]string `json:"chain"`
	Inferred []string          `json:"inferred"` // addresses in the new version
	Lost     LensLosses        `json:"lost"`
	Changed  []string          `json:"changed,omitempty"` // addresses that come home from a way up and down said another way
	Seed     string            `json:"seed"`
	Rev      int               `json:"rev"`
	TookMS   int64             `json:"took_ms"`
}

// LensVerdict is what is known of one direction: tested (on Samples events, none failed), or none (one-way).
type LensVerdict struct {
	Verdict string `json:"verdict"`
	Samples int    `json:"samples,omitempty"`
	Why     string `json:"why,omitempty"`
}

// LensLosses are the addresses that each direction may drop.
type LensLosses struct {
	Up   []string `json:"up"`
	Down []string `json:"down"`
}

// The words of a report.
const (
	LensTested = "tested"
	LensOneWay = "none"
	LensGap    = "gap"
)

// RefutedLens refuses a lens: the smallest event found that it does not carry.
type RefutedLens struct {
	Name   Name
	From   int             // the version that Event is of
	To     int             // where it was to go
	Law    string          // what failed: "up", "valid", "down", "down valid", "down(up(x)) = x", "up(down(y)) = y"
	Event  json.RawMessage // the smallest one found
	Result json.RawMessage // what came out, nil if nothing did
	Detail string          // the op's or the validator's words
}

// Error names the step and the law.
func (e *RefutedLens) Error() string {
	return fmt.Sprintf("%s: the lens from version %d to %d is refuted (%s): %s", e.Name, e.From, e.To, e.Law, e.Detail)
}

// sampleEnvelope is what lenses that read the envelope get in a proof.
var sampleEnvelope = upcast.Envelope{
	"specversion": "1.0", "id": "01J8ZQ5T3S", "source": "/services/sample", "type": "com.example.sample",
	"subject": "sample", "time": "2026-03-01T12:00:00Z", "datacontenttype": "application/json",
}

// proveLens samples a lens from the last version of a subject to a new schema: every result is valid, the whole chain
// from every older version holds, and the way back keeps what the lens does not say it loses. The first failure is
// shrunk and returned as *RefutedLens. InvalidLens when the samples could not be finished.
func (r *Registry) proveLens(ctx context.Context, s *Subject, next *compat.Schema, lens *givenLens) (*LensReport, error) {
	began := time.Now()
	last := &s.Versions[len(s.Versions)-1]
	old, err := r.compiledSchema(ctx, last)
	if errors.Is(err, InvalidSchema) {
		return nil, &Error{Reason: InvalidLens, Name: s.Name, Pointer: "from", Detail: fmt.Sprintf("version %d does not compile", last.Number)}
	}
	if err != nil {
		return nil, err
	}
	losses := lens.lens.Losses()
	report := &LensReport{
		Chain: map[string]string{}, Inferred: orEmpty(losses.Up.Inferred),
		Lost: LensLosses{Up: orEmpty(losses.Up.Lost), Down: orEmpty(losses.Down.Lost)},
		Seed: strconv.Itoa(proofSeed), Rev: 1,
	}
	p := proof{ctx: ctx, name: s.Name, from: last.Number, to: s.Head.Number + 1, old: old, next: next, changed: map[string]bool{}}
	if p.up, err = fuse(upcast.Up, []*upcast.Lens{lens.lens}, []int{p.from, p.to}); err != nil {
		return nil, lensError(s.Name, err)
	}
	if why := lens.lens.OneWay(); why != "" {
		report.Down = LensVerdict{Verdict: LensOneWay, Why: why}
	} else if p.down, err = fuse(upcast.Down, []*upcast.Lens{lens.lens}, []int{p.from, p.to}); err != nil {
		return nil, lensError(s.Name, err)
	}
	events, err := p.samples(old, ProofSamples, lens.examples)
	if err != nil {
		return nil, err
	}
	if err := p.refute(events, p.upLaw, old); err != nil {
		return nil, err
	}
	report.Up = LensVerdict{Verdict: LensTested, Samples: len(events)}
	report.Chain[strconv.Itoa(last.Number)] = LensTested
	if p.down != nil {
		back, err := p.samples(next, ProofSamples, carried(&p, events))
		if err != nil {
			return nil, err
		}
		if err := p.refute(back, p.downLaw, next); err != nil {
			return nil, err
		}
		report.Down = LensVerdict{Verdict: LensTested, Samples: len(back)}
	}
	if err := r.proveChain(p, s, lens, report); err != nil {
		return nil, err
	}
	report.Changed = slices.Sorted(maps.Keys(p.changed))
	report.TookMS = time.Since(began).Milliseconds()
	return report, nil
}

// proveChain takes samples of every older version through the whole way.
func (r *Registry) proveChain(p proof, s *Subject, lens *givenLens, report *LensReport) error {
	last := s.Versions[len(s.Versions)-1]
	for i := range s.Versions[:len(s.Versions)-1] {
		v := &s.Versions[i]
		if v.State == Gone {
			continue
		}
		older, err := r.compiledSchema(p.ctx, v)
		var broken *gap
		if err == nil {
			_, broken, err = r.path(p.ctx, upcast.Up, s.Versions, v.Number, last.Number)
		}
		if broken != nil || errors.Is(err, InvalidSchema) { // what does not compile leads nowhere
			report.Chain[strconv.Itoa(v.Number)] = LensGap
			continue
		}
		if err != nil {
			return err
		}
		whole := p
		whole.from, whole.down = v.Number, nil
		if whole.up, err = r.extended(p.ctx, s, v.Number, lens, p.to); err != nil {
			return err
		}
		events, err := whole.samples(older, chainSamples, nil)
		if err != nil {
			return err
		}
		if err := whole.refute(events, whole.upLaw, older); err != nil {
			return err
		}
		report.Chain[strconv.Itoa(v.Number)] = LensTested
	}
	return nil
}

// extended is the way from an older version to the last one, and on through the lens.
func (r *Registry) extended(ctx context.Context, s *Subject, from int, lens *givenLens, to int) (*chain, error) {
	var lenses []*upcast.Lens
	var numbers []int
	for i := range s.Versions {
		v := &s.Versions[i]
		if v.Number < from {
			continue
		}
		if len(numbers) > 0 {
			step, err := r.step(ctx, upcast.Up, &s.Versions[i-1], v)
			if err != nil {
				return nil, err
			}
			lenses = append(lenses, step)
		}
		numbers = append(numbers, v.Number)
	}
	return fuse(upcast.Up, append(lenses, lens.lens), append(numbers, to))
}

// proof is what the laws are held against.
type proof struct {
	ctx       context.Context
	name      Name
	from, to  int
	old, next *compat.Schema
	up, down  *chain          // down is nil for a one-way lens
	changed   map[string]bool // addresses where an event comes home said another way
}

// carried are what some events become on their way up.
func carried(p *proof, events [][]byte) (out [][]byte) {
	for _, event := range events[:min(len(events), chainSamples)] {
		if up, _, err := p.up.run(event, sampleEnvelope); err == nil {
			out = append(out, up)
		}
	}
	return out
}

// samples are up to n events of a schema, examples among them. That none can be found is an error: a lens that nothing was tried on is not
// tested.
func (p *proof) samples(schema *compat.Schema, n int, examples [][]byte) ([][]byte, error) {
	var events [][]byte
	var fault error
	for sample, err := range compat.Examples(schema, proofSeed) {
		if p.ctx.Err() != nil {
			return nil, &Error{Reason: InvalidLens, Name: p.name, Detail: "the samples of its proof took longer than RegisterDeadline (" + RegisterDeadline.String() + ")"}
		}
		if err != nil {
			fault = err
			break
		}
		if events = append(events, sample.Event); len(events) == min(n, systematic) {
			break
		}
	}
	for _, example := range examples {
		if schema.Source().Valid(example) {
			events = append(events, example)
		}
	}
	events = vary(schema.Source(), events, n, proofSeed)
	if len(events) == 0 {
		detail := "no event could be made to try it on"
		if fault != nil {
			detail += ": " + fault.Error()
		}
		return nil, &Error{Reason: InvalidLens, Name: p.name, Detail: detail}
	}
	return events, nil
}

// A law looks at one event and says what is wrong, nil if nothing is.
type law func(event []byte) *RefutedLens

// upLaw: the way up succeeds, its result is valid, and the way back brings the event home.
func (p *proof) upLaw(event []byte) *RefutedLens {
	out, up, err := p.up.run(event, sampleEnvelope)
	if err != nil {
		return &RefutedLens{From: p.from, To: p.to, Law: "up", Detail: err.Error()}
	}
	if err := p.next.Source().Check(out); err != nil {
		return &RefutedLens{From: p.from, To: p.to, Law: "valid", Result: out, Detail: err.Error()}
	}
	if p.down == nil {
		return nil
	}
	home, down, err := p.down.run(out, sampleEnvelope)
	if err != nil {
		return &RefutedLens{From: p.from, To: p.to, Law: "down", Result: out, Detail: err.Error()}
	}
	excused := slices.Concat(up.Lost, down.Inferred)
	at, same := sameEvent(event, home, excused)
	if same && len(excused) == 0 {
		return nil // it is the event itself
	}
	if err := p.old.Source().Check(home); err != nil {
		return &RefutedLens{From: p.from, To: p.to, Law: "down valid", Result: home, Detail: err.Error()}
	}
	if same {
		return nil
	}
	// An op may choose one of several ways to say the same; then going up again changes nothing more.
	again, second, err := p.up.run(home, sampleEnvelope)
	if err == nil {
		_, same = sameEvent(out, again, slices.Concat(up.Inferred, down.Lost, second.Inferred))
	}
	if err != nil || !same {
		return &RefutedLens{From: p.from, To: p.to, Law: "down(up(x)) = x", Result: home, Detail: "the event comes back changed at " + strconv.Quote(at)}
	}
	if p.changed != nil {
		p.changed[at] = true
	}
	return nil
}

// downLaw: the way down succeeds, its result is valid, and the way back up keeps what the lens does not say it loses.
func (p *proof) downLaw(event []byte) *RefutedLens {
	out, down, err := p.down.run(event, sampleEnvelope)
	if err != nil {
		return &RefutedLens{From: p.to, To: p.from, Law: "down", Detail: err.Error()}
	}
	if err := p.old.Source().Check(out); err != nil {
		return &RefutedLens{From: p.to, To: p.from, Law: "down valid", Result: out, Detail: err.Error()}
	}
	again, up, err := p.up.run(out, sampleEnvelope)
	if err != nil {
		return &RefutedLens{From: p.to, To: p.from, Law: "up", Result: out, Detail: err.Error()}
	}
	at, same := sameEvent(event, again, slices.Concat(down.Lost, up.Inferred))
	if same {
		return nil
	}
	third, _, err := p.down.run(again, sampleEnvelope)
	if err == nil {
		_, same = sameEvent(out, third, nil)
	}
	if err != nil || !same {
		return &RefutedLens{From: p.to, To: p.from, Law: "up(down(y)) = y", Result: again, Detail: "the event comes back changed at " + strconv.Quote(at)}
	}
	if p.changed != nil {
		p.changed[at] = true
	}
	return nil
}

// refute looks for an event that breaks a law, and shrinks the smallest one. of is the schema that the events are of.
func (p *proof) refute(events [][]byte, holds law, of *compat.Schema) error {
	var smallest []byte
	for _, event := range events {
		if p.ctx.Err() != nil {
			return &Error{Reason: InvalidLens, Name: p.name, Detail: "the samples of its proof took longer than RegisterDeadline (" + RegisterDeadline.String() + ")"}
		}
		if (smallest == nil || len(event) < len(smallest)) && holds(event) != nil {
			smallest = event
		}
	}
	if smallest == nil {
		return nil
	}
	smallest = shrink(smallest, func(event []byte) bool { return of.Source().Valid(event) && holds(event) != nil })
	found := holds(smallest)
	found.Name, found.Event = p.name, smallest
	return found
}

// orEmpty is a list that prints as [] when it is empty.
func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
