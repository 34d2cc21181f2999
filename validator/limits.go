package validator

// Bounds of schemas and events. Each field of Limits that is zero means the constant of its name.
const (
	MaxSchemaBytes = 1 << 20  // one schema document
	MaxReferences  = 256      // documents in the closure
	MaxSubschemas  = 10_000   // in the closure
	MaxEnumValues  = 10_000   // of one enum
	MaxRegexBytes  = 4 << 10  // of one pattern
	MaxEventBytes  = 16 << 20 // one event
	MaxDepth       = 64       // nesting of schemas and events
	MaxNumberText  = 1024     // characters of one number
	MaxExponent    = 1000     // of a written exponent, either sign
	MaxCount       = 1 << 53  // maxLength, minItems and their like
	MaxViolations  = 100      // of one Explain
	MaxOracleBytes = 256 << 10
)

// Limits are bounds that a caller may tighten. The zero value means the constants.
type Limits struct {
	SchemaBytes int
}
