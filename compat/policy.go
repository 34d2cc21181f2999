package compat

import (
	"fmt"
	"strings"
)

// Policy is the question that gates. The zero value is Semantic.
type Policy uint8

// The policies. Semantic: every event that the left side accepts is accepted by the right side. SemanticDeclared: every
// event of the left side that sends declared members only (Close). SemanticUpcast: every event of the left side, after
// the reader has filled in the defaults of the right side (Fill). ConfluentStrict and ConfluentLenient: the rules of the
// Confluent Schema Registry, which compare the texts by structure and so may refuse what is safe and miss what breaks.
const (
	Semantic Policy = iota
	SemanticDeclared
	SemanticUpcast
	ConfluentStrict
	ConfluentLenient
)

var policyNames = []string{
	Semantic:         "SEMANTIC",
	SemanticDeclared: "SEMANTIC_DECLARED",
	SemanticUpcast:   "SEMANTIC_UPCAST",
	ConfluentStrict:  "CONFLUENT_STRICT",
	ConfluentLenient: "CONFLUENT_LENIENT",
}

// Policies returns all policies, Semantic first.
func Policies() []Policy {
	return []Policy{Semantic, SemanticDeclared, SemanticUpcast, ConfluentStrict, ConfluentLenient}
}

// ParsePolicy reads a policy's name in any letter case; the empty string is Semantic. STRICT and LENIENT are Confluent's
// names of ConfluentStrict and ConfluentLenient. The error names the policies; LOGICAL, which Confluent has for other
// kinds of schemas, is refused like every other word.
func ParsePolicy(s string) (Policy, error) {
	up := strings.ToUpper(s)
	switch up {
	case "":
		return Semantic, nil
	case "STRICT", "LENIENT":
		up = "CONFLUENT_" + up
	}
	var names []string
	for _, p := range Policies() {
		if p.String() == up {
			return p, nil
		}
		names = append(names, p.String())
	}
	return Semantic, fmt.Errorf("compatibility policy %q is not one of %s; STRICT and LENIENT stand for the last two", s, strings.Join(names, ", "))
}

// String is the policy's name in capitals.
func (p Policy) String() string {
	if int(p) < len(policyNames) {
		return policyNames[p]
	}
	return fmt.Sprintf("Policy(%d)", uint8(p))
}

// Confluent reports whether the policy gates by Confluent's rules instead of a verdict.
func (p Policy) Confluent() bool { return p == ConfluentStrict || p == ConfluentLenient }

// question is what a direction is asked under the policy: no lens fills defaults on the way down, and Confluent's rules
// are no question about events.
func (p Policy) question(d Direction) Policy {
	if p.Confluent() || p == SemanticUpcast && d == DirectionForward {
		return Semantic
	}
	return p
}

// Word is how Confluent's clients know the policy: STRICT or LENIENT; "" for those that they do not know.
func (p Policy) Word() string {
	if !p.Confluent() {
		return ""
	}
	return strings.TrimPrefix(p.String(), "CONFLUENT_")
}

// MarshalText is String.
func (p Policy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is ParsePolicy.
func (p *Policy) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePolicy(string(b))
	return err
}
