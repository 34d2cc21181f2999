package validator

// counters count what one run did on dearer paths, by fall.
type counters [fallKinds]uint64

// fall is a dearer path: the verdict is the same there, only its cost differs.
type fall uint8

const (
	fellRegexp  fall = iota // a text outside ASCII, or a pattern without automaton, went to regexp
	fellBignum              // a number of many digits, or beside a bound of many
	fellRewind              // a union without discriminator tried its branches in turn
	fellLive                // unevaluated items or members were noted one by one
	fellDynamic             // a dynamic reference was looked up among the resources entered
	fellBase64              // content was decoded
	fallKinds
)
