package validator

import (
	"slices"
	"strings"
)

// Present returns the addresses of the declared members that an event has, sorted, each once: JSON Pointers with * for the
// elements of arrays. A member is declared where properties of a schema that can apply has its name, so that no address
// holds text of the event. Only the first most members are looked at. nil: the event breaks a byte rule.
func (s *Schema) Present(event []byte, most int) []string {
	r := s.take()
	defer s.put(r)
	if !r.scanner.check(event, s.limits.EventBytes) {
		return nil
	}
	x := presence{redactor: redactor{privacy: s.privacy(), text: event, left: redactSteps}, most: most, seen: map[string]bool{}}
	at := skipSpace(event, 0)
	x.value(applied{schemas: []voice{{Node: x.root}}}, "", at)
	found := make([]string, 0, len(x.seen))
	for address := range x.seen {
		found = append(found, address)
	}
	slices.Sort(found)
	return found
}

// presence walks an event along its schemas.
type presence struct {
	redactor
	most int // members that may still be looked at
	seen map[string]bool
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

func (x *presence) value(a applied, address string, i int) {
	if x.text[i] != '{' && x.text[i] != '[' {
		return
	}
	a, _ = x.reach(a, keep)
	if x.text[i] == '[' {
		x.items(a, address, i)
		return
	}
	for m, ok := firstMember(x.text, i); ok && x.most > 0; {
		x.most--
		name, _ := unquote(x.text[m.name:m.nameEnd])
		if child, named := x.member(a, string(name)); named {
			at := address + "/" + pointerEscape.Replace(string(name))
			x.seen[at] = true
			x.value(child, at, m.value)
		}
		m, _, ok = nextMember(x.text, valueEnd(x.text, m.value))
	}
}

func (x *presence) items(a applied, address string, i int) {
	item, ok := firstItem(x.text, i)
	for index := 0; ok && x.most > 0; index++ {
		x.most--
		var child applied
		for _, n := range a.schemas {
			if index < len(n.PrefixItems) {
				child.add(n.PrefixItems[index], n, true)
			} else {
				child.add(n.Items, n, true)
			}
		}
		at := address + "/*"
		x.value(child, at, item)
		item, ok = nextItem(x.text, valueEnd(x.text, item))
	}
}
