package compat

import (
	"fmt"
	"slices"
	"strings"
)

// Level says which versions a new schema is compared with, and in which direction. The words and their meaning are
// those of the Confluent Schema Registry. The zero value is None.
type Level uint8

// The seven levels. BACKWARD: the new schema reads what the latest version accepts. FORWARD: the latest version
// reads what the new schema accepts. FULL: both. Transitive: against every version, not the latest alone.
const (
	None Level = iota
	Backward
	BackwardTransitive
	Forward
	ForwardTransitive
	Full
	FullTransitive
)

var levelNames = []string{
	None:               "NONE",
	Backward:           "BACKWARD",
	BackwardTransitive: "BACKWARD_TRANSITIVE",
	Forward:            "FORWARD",
	ForwardTransitive:  "FORWARD_TRANSITIVE",
	Full:               "FULL",
	FullTransitive:     "FULL_TRANSITIVE",
}

// Levels returns the seven levels, NONE first.
func Levels() []Level {
	return []Level{None, Backward, BackwardTransitive, Forward, ForwardTransitive, Full, FullTransitive}
}

// ParseLevel reads a level's name in any letter case. The error names the seven.
func ParseLevel(s string) (Level, error) {
	if i := slices.Index(levelNames, strings.ToUpper(s)); i >= 0 {
		return Level(i), nil
	}
	return None, fmt.Errorf("compatibility level %q is not one of %s", s, strings.Join(levelNames, ", "))
}

// String is the level's name in capitals.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("Level(%d)", uint8(l))
}

// MarshalText is String.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText is ParseLevel.
func (l *Level) UnmarshalText(b []byte) (err error) {
	*l, err = ParseLevel(string(b))
	return err
}

// Transitive reports whether the level looks at every version instead of the latest.
func (l Level) Transitive() bool {
	return l == BackwardTransitive || l == ForwardTransitive || l == FullTransitive
}

// Directions lists what the level asks for, BACKWARD before FORWARD; NONE asks for nothing.
func (l Level) Directions() []Direction {
	switch l {
	case Backward, BackwardTransitive:
		return []Direction{DirectionBackward}
	case Forward, ForwardTransitive:
		return []Direction{DirectionForward}
	case Full, FullTransitive:
		return []Direction{DirectionBackward, DirectionForward}
	}
	return nil
}

// Direction says who writes and who reads. The zero value is DirectionBackward.
type Direction uint8

// DirectionBackward: events of the old version, read with the new one. DirectionForward: events of the new version,
// read with the old one.
const (
	DirectionBackward Direction = iota
	DirectionForward
)

// String is BACKWARD or FORWARD.
func (d Direction) String() string {
	if d == DirectionForward {
		return "FORWARD"
	}
	return "BACKWARD"
}

// MarshalText is String.
func (d Direction) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote, in any letter case.
func (d *Direction) UnmarshalText(b []byte) error {
	switch strings.ToUpper(string(b)) {
	case "BACKWARD":
		*d = DirectionBackward
	case "FORWARD":
		*d = DirectionForward
	default:
		return fmt.Errorf("direction %q is not BACKWARD or FORWARD", b)
	}
	return nil
}
