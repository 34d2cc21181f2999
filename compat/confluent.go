package compat

import (
	"slices"
	"strings"
)

// Difference is one finding of Confluent's rules.
type Difference struct {
	Type      string    `json:"type"` // Confluent's name, such as REQUIRED_ATTRIBUTE_ADDED
	Path      string    `json:"path"` // Confluent's path: "#/" and keywords and names, not escaped
	Direction Direction `json:"direction"`
	Allowed   bool      `json:"allowed"` // the policy lets it pass
}

// Limits of the emulation.
const (
	MaxDifferences    = 1_000   // differences that are listed; refused ones are kept first
	MaxConfluentPairs = 200_000 // pairs of schemas that are compared; beyond it the type is TOO_LARGE_TO_COMPARE, refused
	carriedPerPair    = 256     // bytes of paths that cost as much as a pair
)

// tooLarge is what stands for a comparison that was not finished: ours, Confluent has no limit.
const tooLarge = "TOO_LARGE_TO_COMPARE"

// Confluent compares two schemas as the Confluent Schema Registry does for JSON Schema, under ConfluentStrict (their
// STRICT; also for every policy that is not theirs) or ConfluentLenient (their LENIENT): by structure, without looking
// for an event. It is written from their documentation and observed behaviour. The result is empty if they see no
// difference; old may be followed if every difference is Allowed.
//
// Where we differ on purpose: comparisons on which theirs fails with an error (a lowered exclusiveMaximum without
// maximum, a const that is null, multiples below 1) get the answer that the name of the rule says; a boolean exclusive
// bound of draft 4 counts as a bound; a change of property order in their lists, which they do not define, follows the
// document. Schemas of 2019-09 and 2020-12 are compared by the same rules. Never looked at, as there: values of
// patternProperties, propertyNames, the schema of contains, what is inside if, then and else, formats, required names
// that properties does not list on both sides, and a reference to a reference. Source: Confluent Schema Registry,
// "Schema Evolution and Compatibility for JSON Schema", compatibilityPolicy.
func Confluent(old, next *Schema, p Policy) []Difference {
	w := &confluentWalk{policy: p, classes: newConfluentClasses(), bad: map[confluentPair]bool{}}
	found := w.fixpoint(w.classes.class(old.source.Root()), w.classes.class(next.source.Root()))
	out := make([]Difference, 0, len(found.list))
	for _, d := range found.list {
		path := "#" + d.path
		if d.path == "" {
			path = "#/"
		}
		out = append(out, Difference{Type: d.name, Path: path, Allowed: w.allowed(d.name)})
	}
	return out
}

// Refused are the differences that the policy does not let pass.
func Refused(ds []Difference) []Difference {
	return slices.DeleteFunc(slices.Clone(ds), func(d Difference) bool { return d.Allowed })
}

// refusedWords end, and refusedTypes are, the names that STRICT does not let pass.
var (
	refusedBounds = map[string]bool{ // of a bound, by its direction
		"MAX_LENGTH_ADDED": true, "MAX_LENGTH_DECREASED": true, "MIN_LENGTH_ADDED": true, "MIN_LENGTH_INCREASED": true,
		"MAXIMUM_ADDED": true, "MAXIMUM_DECREASED": true, "MINIMUM_ADDED": true, "MINIMUM_INCREASED": true,
		"EXCLUSIVE_MAXIMUM_ADDED": true, "EXCLUSIVE_MAXIMUM_DECREASED": true, "EXCLUSIVE_MINIMUM_ADDED": true, "EXCLUSIVE_MINIMUM_INCREASED": true,
		"MAX_ITEMS_ADDED": true, "MAX_ITEMS_DECREASED": true, "MIN_ITEMS_ADDED": true, "MIN_ITEMS_INCREASED": true,
		"MAX_PROPERTIES_ADDED": true, "MAX_PROPERTIES_DECREASED": true, "MIN_PROPERTIES_ADDED": true, "MIN_PROPERTIES_INCREASED": true,
		"MAX_CONTAINS_ADDED": true, "MAX_CONTAINS_DECREASED": true, "MIN_CONTAINS_ADDED": true, "MIN_CONTAINS_INCREASED": true,
	}
	refusedTypes = func() map[string]bool {
		m := map[string]bool{tooLarge: true}
		for name := range strings.FieldsSeq(`
			PATTERN_ADDED PATTERN_CHANGED MULTIPLE_OF_ADDED MULTIPLE_OF_EXPANDED MULTIPLE_OF_CHANGED
			SCHEMA_ADDED TYPE_NARROWED TYPE_CHANGED REQUIRED_ATTRIBUTE_ADDED
			DEPENDENCY_ARRAY_ADDED DEPENDENCY_ARRAY_EXTENDED DEPENDENCY_ARRAY_CHANGED DEPENDENCY_SCHEMA_ADDED
			ADDITIONAL_PROPERTIES_REMOVED ADDITIONAL_PROPERTIES_NARROWED UNEVALUATED_PROPERTIES_REMOVED UNEVALUATED_PROPERTIES_NARROWED
			ADDITIONAL_ITEMS_REMOVED ADDITIONAL_ITEMS_NARROWED UNEVALUATED_ITEMS_REMOVED UNEVALUATED_ITEMS_NARROWED
			UNIQUE_ITEMS_ADDED
			REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL
			OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL ITEM_ADDED_TO_OPEN_CONTENT_MODEL
			REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL
			PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL
			PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL
			ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL
			ENUM_ARRAY_NARROWED ENUM_ARRAY_CHANGED PRODUCT_TYPE_EXTENDED SUM_TYPE_NARROWED
			COMBINED_TYPE_CHANGED COMBINED_TYPE_SUBSCHEMAS_CHANGED NOT_TYPE_EXTENDED`) {
			m[name] = true
		}
		return m
	}()
	lenientTypes = func() map[string]bool {
		m := map[string]bool{}
		for name := range strings.FieldsSeq(`
			ADDITIONAL_PROPERTIES_REMOVED ADDITIONAL_PROPERTIES_NARROWED UNEVALUATED_PROPERTIES_REMOVED UNEVALUATED_PROPERTIES_NARROWED
			OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL
			PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL
			PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL`) {
			m[name] = true
		}
		return m
	}()
)

// confluentAllows says whether a policy lets a type of difference pass.
func confluentAllows(p Policy, name string) bool {
	if p == ConfluentLenient && lenientTypes[name] {
		return true
	}
	return !refusedTypes[name] && !refusedBounds[name]
}
