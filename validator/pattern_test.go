package validator_test

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/accordhq/accord/validator"
)

// patterns are expressions of every form that an automaton may be made of, and some that have none.
var patterns = []string{
	``, `^$`, `$`, `^`, `a`, `^a`, `a$`, `^a$`, `^a|b$`, `(^a|b$)`, `a*`, `a+b?`, `^(ab|ba)*$`, `a{2,3}`, `[^a]`, `^[^a"]+$`, `.`, `^.$`, `(?s)^.$`, `(?i)^AB$`, `(?i)k`, `é`, `^[a-zé]+$`,
	`\d`, `^\w+$`, `\s`, `^\S+\s`, `\ba\b`, `\Ba`, `(?m)^a$`, `\x22`, `["\\]`, `^"`, `\\$`, `\Aa\z`, `a$b`, `a^b`, `$^`, `(a|ab)(c|bcd)$`, `^(?:a|b|ab){1,3}$`, `[\x00-\x1f]`, `\x{10ffff}`, `(?U)a+$`, `a||b`, `()`, `(|a)+$`,
}

// TestAutomata holds the automaton of each pattern against regexp, over all short texts of a few characters that
// matter, and the two ways of running it against each other.
func TestAutomata(t *testing.T) {
	alphabet := []string{"a", "b", "A", "1", " ", `"`, `\`, "\n", "é"}
	without := 0
	for _, source := range patterns {
		p := validator.NewPattern(source)
		re := regexp.MustCompile(source)
		if !p.HasAutomaton() {
			without++
		}
		var texts func(prefix string, more int)
		texts = func(prefix string, more int) {
			if got, want := p.Matches(prefix), re.MatchString(prefix); got != want {
				t.Errorf("%s matches %q = %v, want %v", source, prefix, got, want)
			}
			if more > 0 {
				for _, c := range alphabet {
					texts(prefix+c, more-1)
				}
			}
		}
		texts("", 4)
	}
	if without != 3 {
		t.Errorf("%d patterns have no automaton, want 3: word boundaries and lines", without)
	}
	random := rand.New(rand.NewPCG(1, 1))
	for _, source := range patterns {
		p, s := validator.NewPattern(source), compile(t, `{"pattern":`+quoted(source)+`}`)
		for range 200 {
			var text strings.Builder
			for range random.IntN(40) {
				text.WriteString(alphabet[random.IntN(len(alphabet))])
			}
			event := (&grammar{bytes: []byte{byte(random.IntN(256))}}).text(text.String())
			if got, want := s.Valid([]byte(event)), p.Matches(text.String()); got != want {
				t.Errorf("Valid(%s) = %v under pattern %s, want %v", event, got, source, want)
			}
		}
	}
}

// TestLargeAutomata: what is over a bound is left to regexp.
func TestLargeAutomata(t *testing.T) {
	for source, want := range map[string]bool{
		`^[0-9a-f]{1000}$`:       true,
		`^(a|b)*a(a|b){9}$`:      true,  // 1,024 states
		`^(a|b)*a(a|b){11}$`:     false, // 4,096
		`^[a-z]{1000}[0-9]{999}`: false,
	} {
		if got := validator.NewPattern(source).HasAutomaton(); got != want {
			t.Errorf("%s has an automaton: %v, want %v", source, got, want)
		}
	}
}
