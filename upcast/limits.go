package upcast

import "github.com/accordhq/accord/validator"

// Limits of the language. Over one of the first six, Parse or Compile refuses; over the others, the event gets an
// UpcastError that names the limit.
const (
	MaxLensBytes = 256 << 10 // bytes of a lens document
	MaxOps       = 200       // ops of one lens, those inside in, each and when counted too
	MaxOpNesting = 8         // in, each and when inside each other
	MaxTable     = 4096      // entries of a map or derive table
	MaxConstant  = 4 << 10   // bytes of one constant
	MaxScale     = 18        // exp10 of scale, in either direction
	MaxChain     = 500       // lenses fused into one program

	MaxNumberDigits = 64                 // digits of a number that an op computes on, and of its result
	MaxOpExponent   = 308                // written exponent of a number that an op computes on, in either direction
	MaxUpcastBytes  = 16 << 20           // bytes of an event, before and after
	MaxDepth        = validator.MaxDepth // objects and arrays open at once, before and after
)
