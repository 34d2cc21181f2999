package validator

// Bounds of schemas and events. Crossing one of a schema is a SchemaError that names it; crossing one of an event is a
// fault of the byte rules.
const (
	MaxSchemaBytes    = 1 << 20  // one schema document, bytes
	MaxReferences     = 256      // documents beside the root
	MaxReferenceDepth = 16       // documents that refer to each other in a row
	MaxProgramBytes   = 16 << 20 // what a schema is compiled to, without its texts
	MaxClosureBytes   = 8 << 20  // all documents together, bytes
	MaxSubschemas     = 10_000   // schemas and references of all documents together
	MaxEnumValues     = 10_000   // values of one enum, names of one required
	MaxRegexBytes     = 4 << 10  // one pattern, bytes
	MaxCount          = 1 << 53  // maxLength, minItems and their like
	MaxPatternStates  = 2_000    // of the automaton of one pattern; a larger one is left to regexp
	MaxAutomata       = 4 << 20  // all automata of one schema, bytes; what is over it is left to regexp
	MaxEventBytes     = 16 << 20
	MaxDepth          = 64     // nesting of schemas and events
	MaxNumberText     = 1024   // characters of one number
	MaxExponent       = 1000   // of a written exponent, either sign
	StepBase          = 4096   // steps that any event may cost, see StepsPerByte
	StepsPerByte      = 16     // further steps for each byte of an event; a schema with wider unions allows more
	MaxStepsPerByte   = 256    // but no schema allows more than this
	MemoAfter         = 64     // branches tried in one event after which answers are remembered; or 1,024 steps and one a byte
	MaxMemo           = 65_536 // of those
	MaxViolations     = 100    // of one Explain
	MaxKeptScratch    = 64 << 10
	MaxOracleBytes    = 256 << 10 // events over it are not given to the oracle
	MaxOracleSteps    = 200_000   // schemas entered by the oracle for one event; over it the oracle is not asked
	explainStepRatio  = 8         // Explain may cost this many times the steps of a verdict
)

// Limits tighten or widen bounds for one Compile. A zero field means the constant of its name.
type Limits struct {
	SchemaBytes  int // MaxSchemaBytes
	References   int // MaxReferences
	Subschemas   int // MaxSubschemas
	EnumValues   int // MaxEnumValues
	RegexBytes   int // MaxRegexBytes
	ProgramBytes int // MaxProgramBytes
	EventBytes   int // MaxEventBytes
}

// filled replaces zero fields by the constants.
func (l Limits) filled() Limits {
	for _, f := range []struct {
		field    *int
		constant int
	}{
		{&l.SchemaBytes, MaxSchemaBytes},
		{&l.References, MaxReferences},
		{&l.Subschemas, MaxSubschemas},
		{&l.EnumValues, MaxEnumValues},
		{&l.RegexBytes, MaxRegexBytes},
		{&l.ProgramBytes, MaxProgramBytes},
		{&l.EventBytes, MaxEventBytes},
	} {
		if *f.field == 0 {
			*f.field = f.constant
		}
	}
	return l
}
