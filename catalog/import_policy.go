package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/accordhq/accord/compat"
)

// policy writes a policy where none contradicts it. The mode that lets the import in is no contradiction, and gives
// way to the mode of the line if that has one.
func (m *importer) policy(ctx context.Context, line int, l *dumpPolicy) error {
	want, scope, err := l.policy()
	if err != nil {
		m.refuse(DumpFault{line, err.Error()})
		return nil
	}
	own, err := m.r.store.Policy(ctx, scope)
	if err != nil {
		return err
	}
	empty := own.Config == Config{}
	same := sameJSON(own.Config, want.Config)
	modeSame := own.Mode == want.Mode || want.Mode == "" && own.Mode.imports()
	switch {
	case same && modeSame:
		m.done.Same++
		return nil
	case !same && !empty, !modeSame && own.Mode != "" && !own.Mode.imports():
		m.refuse(DumpFault{line, (&Error{Reason: PolicyTaken, Name: scope}).Error()})
		return nil
	}
	if m.try {
		m.done.Created++
		return nil
	}
	p, err := m.r.policiesOf(AtLeast(ctx, ^Rev(0)), scope)
	if err != nil {
		return err
	}
	if !p.Mode().imports() {
		return &Error{Reason: NotImport, Name: scope}
	}
	patch := Patch{Set: want.Config, Expect: &own.Rev}
	if want.Mode != "" {
		patch.Mode = &want.Mode
	}
	if _, err = m.r.setPolicy(ctx, scope, patch); err == nil {
		m.done.Created++
		if m.done.Rev, err = m.r.store.Revision(ctx); err == nil {
			m.r.hear(m.done.Rev)
		}
	}
	return err
}

// policy checks a policy line.
func (l *dumpPolicy) policy() (Policy, Scope, error) {
	context, err := contextOfLine(l.Context)
	scope := Scope{context, l.Subject}
	p := Policy{Config: l.Config, Mode: l.Mode}
	if err == nil && p.Config.Compatibility != "" {
		p.Config.Compatibility, err = ParseLevel(string(p.Config.Compatibility))
	}
	if err == nil && p.Config.CompatibilityPolicy != "" {
		var policy compat.Policy
		policy, err = compat.ParsePolicy(p.Config.CompatibilityPolicy)
		p.Config.CompatibilityPolicy = policy.String()
	}
	if err == nil && p.Mode != "" {
		p.Mode, err = ParseMode(string(p.Mode))
	}
	for _, rules := range []*RuleSet{p.Config.DefaultRuleSet, p.Config.OverrideRuleSet} {
		if err == nil {
			err = rules.check(scope)
		}
	}
	for _, metadata := range []*Metadata{p.Config.DefaultMetadata, p.Config.OverrideMetadata} {
		if err == nil {
			err = metadata.check(scope)
		}
	}
	if _, nameErr := ParseName(scope.String()); err == nil {
		err = nameErr
	}
	if text, textErr := json.Marshal(p.Config); err == nil && (textErr != nil || bytes.Contains(text, []byte(`\u0000`))) {
		err = errors.New("a NUL character in a policy")
	}
	return p, scope, err
}

// document writes a document that is not there yet.
func (m *importer) document(ctx context.Context, line int, l *dumpDoc) error {
	d := Document{Kind: l.Kind, Name: l.Name, Body: l.Body, At: l.At.UTC(), By: l.By}
	if _, err := checkDocument(d.Kind, d.Name, d.Body); err != nil || len(d.Body) > MaxDocumentBytes || strings.Contains(d.By, "\x00") {
		m.refuse(DumpFault{line, fmt.Sprintf("%s: %s: %v", d.key(), InvalidDocument, err)})
		return nil
	}
	there, err := m.r.store.Document(ctx, d.Kind, d.Name)
	switch {
	case errors.Is(err, DocumentNotFound):
	case err != nil:
		return err
	case sameText(there.Body, d.Body):
		m.done.Same++
		return nil
	default:
		m.refuse(DumpFault{line, (&Error{Reason: DocumentTaken, Detail: d.key()}).Error()})
		return nil
	}
	p, err := m.r.policiesOf(AtLeast(ctx, ^Rev(0)), Name{})
	if err != nil {
		return err
	}
	done, err := m.r.store.Import(ctx, Batch{Documents: []Document{d}, Open: m.try || p.Mode().imports(), Try: m.try})
	if fault, ok := refusal(line, err); ok {
		m.refuse(fault)
		return nil
	}
	if err == nil {
		m.did(done)
	}
	return err
}

// sameText says whether two JSON texts differ in white space alone.
func sameText(a, b json.RawMessage) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}
