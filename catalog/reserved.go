package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// PropertyReserved is the metadata property that names members, with commas between, which no version may have: those
// of old, whose name must not come to mean something else. It is heeded where validateFields is on, and then at every
// level and under every policy. Source: Confluent Schema Registry, ParsedSchema.getReservedFields.
const PropertyReserved = "confluent:reserved"

// A ReservedFault is a reserved member that a schema has all the same, or that it does not reserve any more.
type ReservedFault struct {
	Field   string
	Removed bool // from the list, where version Number has it; else the schema has the member
	Number  int  // of the version before, 0 without Removed
}

// Type is Confluent's name of the fault.
func (f ReservedFault) Type() string {
	if f.Removed {
		return "RESERVED_PROPERTY_REMOVED"
	}
	return "RESERVED_PROPERTY_CONFLICTS_WITH_PROPERTY"
}

// String is the fault in Confluent's words.
func (f ReservedFault) String() string {
	if f.Removed {
		return fmt.Sprintf("The new schema has reserved field %s removed from its metadata which is present in the old schema's metadata.", f.Field)
	}
	return fmt.Sprintf("The new schema has field that conflicts with the reserved field %s.", f.Field)
}

// reserved are the members that a schema's metadata reserve, sorted.
func (m *Metadata) reserved() (fields []string) {
	for field := range strings.SplitSeq(m.property(PropertyReserved), ",") {
		if field = strings.TrimSpace(field); field != "" {
			fields = append(fields, field)
		}
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

// members are the names that a schema declares at its top; a schema that is none has none.
func (s *Schema) members() map[string]json.RawMessage {
	var root struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if json.Unmarshal([]byte(s.Text), &root) != nil {
		return nil
	}
	return root.Properties
}

// reservedFaults holds a new schema against what it and the newest of the history reserve.
func (r *Registry) reservedFaults(ctx context.Context, next *Schema, history []*Version) (faults []ReservedFault, err error) {
	fields := next.Metadata.reserved()
	if len(history) > 0 {
		last := history[len(history)-1]
		old, err := r.schema(ctx, Key{Context: last.Schema.Context, ID: last.Schema.ID})
		if err != nil {
			return nil, err
		}
		for _, field := range old.Metadata.reserved() {
			if !slices.Contains(fields, field) {
				faults = append(faults, ReservedFault{Field: field, Removed: true, Number: last.Number})
			}
		}
	}
	if len(fields) == 0 {
		return faults, nil
	}
	members := next.members()
	for _, field := range fields {
		if _, ok := members[field]; ok {
			faults = append(faults, ReservedFault{Field: field})
		}
	}
	return faults, nil
}
