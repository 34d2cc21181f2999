package compat

import (
	"fmt"
	"slices"
	"strings"
)

// Policy is the question that gates. The zero value is Semantic.
type Policy uint8

// Semantic asks for containment of the schemas as they are: every event that the left side accepts is accepted by
// the right side.
const (
	Semantic Policy = iota
)

var policyNames = []string{Semantic: "SEMANTIC"}

// knownPolicies are words that other registries and later versions of this one give a meaning; each is refused by
// name, so that nobody believes it is in force.
var knownPolicies = []string{"SEMANTIC_DECLARED", "SEMANTIC_UPCAST", "STRICT", "LENIENT", "CONFLUENT_STRICT", "CONFLUENT_LENIENT", "LOGICAL"}

// ParsePolicy reads a policy's name in any letter case; the empty string is Semantic. A policy that exists elsewhere
// but is not judged here is refused with an error that says so.
func ParsePolicy(s string) (Policy, error) {
	up := strings.ToUpper(s)
	if up == "" {
		return Semantic, nil
	}
	if i := slices.Index(policyNames, up); i >= 0 {
		return Policy(i), nil
	}
	if slices.Contains(knownPolicies, up) {
		return Semantic, fmt.Errorf("compatibility policy %s is not supported: only %s is judged", up, strings.Join(policyNames, ", "))
	}
	return Semantic, fmt.Errorf("compatibility policy %q is not one of %s", s, strings.Join(policyNames, ", "))
}

// String is the policy's name in capitals.
func (p Policy) String() string {
	if int(p) < len(policyNames) {
		return policyNames[p]
	}
	return fmt.Sprintf("Policy(%d)", uint8(p))
}

// MarshalText is String.
func (p Policy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is ParsePolicy.
func (p *Policy) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePolicy(string(b))
	return err
}
