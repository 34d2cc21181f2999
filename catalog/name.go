package catalog

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// GlobalContext is the scope above all contexts: its policy holds where nearer ones say nothing.
const GlobalContext = ".__GLOBAL"

// AnyContext is what a qualified prefix says to mean all contexts.
const AnyContext = ":*:"

// MaxSubjectBytes bounds the name of a subject, and that of a context.
const MaxSubjectBytes = 1024

// Name is a subject in its context. Context "" is the default context, every other begins with a dot. A Name
// without Subject stands for the context itself. The zero value is the default context.
type Name struct {
	Context string
	Subject string
}

// ParseName splits a qualified name, :.ctx:subject; anything that does not begin with a colon is a subject of the
// default context. It returns InvalidSubject for names over MaxSubjectBytes, with control characters, or with a
// context that does not begin with a dot; it accepts an empty subject, which only scopes may have. Source: Confluent
// Schema Registry, QualifiedSubject.
func ParseName(s string) (Name, error) {
	bad := func(detail string) (Name, error) {
		return Name{}, &Error{Reason: InvalidSubject, Name: Name{Subject: s}, Detail: detail}
	}
	if len(s) > MaxSubjectBytes {
		return bad("longer than MaxSubjectBytes")
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return bad("control characters")
	}
	rest, qualified := strings.CutPrefix(s, ":")
	if !qualified {
		return Name{Subject: s}, nil
	}
	context, subject, closed := strings.Cut(rest, ":")
	if !closed || !strings.HasPrefix(context, ".") {
		return bad("want :.context:subject")
	}
	if context == "." {
		context = ""
	}
	return Name{Context: context, Subject: subject}, nil
}

// String returns the qualified name; in the default context that is the bare subject, unless it would be read as a
// qualified one.
func (n Name) String() string {
	if n.Context == "" && !strings.HasPrefix(n.Subject, ":") {
		return n.Subject
	}
	return ":" + n.ContextName() + ":" + n.Subject
}

// ContextName returns the context as clients print it: "." for the default one.
func (n Name) ContextName() string {
	if n.Context == "" {
		return "."
	}
	return n.Context
}

// Compare orders by context, then subject, as lists are sorted.
func (n Name) Compare(o Name) int {
	if c := strings.Compare(n.Context, o.Context); c != 0 {
		return c
	}
	return strings.Compare(n.Subject, o.Subject)
}

// checkSubject refuses what cannot be the name of a subject to register under.
func (n Name) checkSubject() error {
	switch {
	case strings.TrimSpace(n.Subject) == "":
		return &Error{Reason: InvalidSubject, Name: n, Detail: "empty"}
	case n.Subject == "__GLOBAL" || n.Subject == "__EMPTY" || n.Context == GlobalContext:
		return &Error{Reason: InvalidSubject, Name: n, Detail: "reserved"}
	}
	return nil
}

// Target returns the subject that a reference of a schema in a context means. InvalidSubject if it names none.
func (r Reference) Target(context string) (Name, error) {
	n, err := ParseName(r.Subject)
	if err == nil && n.Context == "" && !strings.HasPrefix(r.Subject, ":") {
		n.Context = context
	}
	return n, err
}
