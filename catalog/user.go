package catalog

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/accordhq/accord/compat"
)

// How a User is known.
const (
	UserDeclared = "declared" // a service document says so
	UserPinned   = "pinned"   // its decoder said so
	UserObserved = "observed" // a proxy or decoder saw it
)

// User is somebody who writes or reads a version.
type User struct {
	Name    string    // of the service where that is known, else group, principal or client ID
	Role    string    // RoleWrite or RoleRead
	Version int       // of the subject
	Source  string    // UserDeclared, UserPinned or UserObserved
	Records int64     // seen, 0 = declared or pinned
	Last    time.Time // seen last, zero = declared
}

// users are those who are known to use versions of a subject: declared first, then the newest.
func (r *Registry) users(ctx context.Context, s *Subject, numbers []int) (list []User, err error) {
	services, err := r.services(ctx)
	if err != nil {
		return nil, err
	}
	for _, x := range services {
		for _, sends := range x.Sends {
			for _, n := range numbers {
				if sends.Event == s.Name.String() && slices.Contains(sends.Versions, n) {
					list = append(list, User{Name: x.Name, Role: RoleWrite, Version: n, Source: UserDeclared})
				}
			}
		}
		for _, receive := range x.Receives {
			if receive.Event == s.Name.String() && slices.Contains(numbers, receive.Version) {
				list = append(list, User{Name: x.Name, Role: RoleRead, Version: receive.Version, Source: UserDeclared})
			}
		}
	}
	pins, err := r.store.Pins(ctx, s.Name, MaxPage)
	if err != nil {
		return nil, err
	}
	for _, p := range pins {
		if slices.Contains(numbers, p.Version) && time.Since(p.Last) < RecentUse {
			list = append(list, User{Name: cmp.Or(serviceOfGroup(services, p.Group), p.Group, p.Client), Role: RoleRead, Version: p.Version, Source: UserPinned, Last: p.Last})
		}
	}
	seen, err := r.store.Usage(ctx, s.Name, MaxPage)
	if err != nil {
		return nil, err
	}
	for _, u := range seen {
		if n := s.numberOf(u); slices.Contains(numbers, n) {
			list = append(list, User{Name: userName(services, u), Role: u.Role, Version: n, Source: UserObserved, Records: u.Records, Last: u.Last})
		}
	}
	return list, nil
}

// Strangers are those who were seen or pinned to read a subject within RecentUse and whom no service document declares
// as its readers, the newest first; one row each.
func (r *Registry) Strangers(ctx context.Context, name Name) ([]User, error) {
	services, err := r.services(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, x := range services {
		for _, receive := range x.Receives {
			known[x.Name] = known[x.Name] || receive.Event == name.String()
		}
	}
	pins, err := r.store.Pins(ctx, name, MaxPage)
	if err != nil {
		return nil, err
	}
	seen, err := r.store.Usage(ctx, name, MaxPage)
	if err != nil {
		return nil, err
	}
	var list []User
	for _, u := range seen {
		if u.Role == RoleRead {
			list = append(list, User{Name: userName(services, u), Role: RoleRead, Version: u.Version, Source: UserObserved, Records: u.Records, Last: u.Last})
		}
	}
	for _, p := range pins {
		list = append(list, User{Name: cmp.Or(serviceOfGroup(services, p.Group), p.Group, p.Client), Role: RoleRead, Version: p.Version, Source: UserPinned, Last: p.Last})
	}
	slices.SortStableFunc(list, func(a, b User) int { return b.Last.Compare(a.Last) })
	return slices.DeleteFunc(list, func(u User) bool {
		if known[u.Name] || time.Since(u.Last) >= RecentUse {
			return true
		}
		known[u.Name] = true
		return false
	}), nil
}

// numberOf is the version that was seen: said by number, or the newest one with its ID; 0 if neither is known.
func (s *Subject) numberOf(u Usage) int {
	if u.Version != 0 || u.ID == 0 {
		return u.Version
	}
	for _, v := range slices.Backward(s.Versions) {
		if v.Schema.ID == u.ID {
			return v.Number
		}
	}
	return 0
}

// services reads every declared service.
func (r *Registry) services(ctx context.Context) (list []*Service, err error) {
	var after DocumentPosition
	for {
		page, err := r.store.ListDocuments(ctx, KindService, after, MaxPage)
		if err != nil {
			return nil, err
		}
		for _, d := range page {
			doc, err := DecodeDocument(d.Body)
			if err != nil {
				continue // of another release
			}
			list = append(list, doc.(*Service))
		}
		if len(page) < MaxPage {
			return list, nil
		}
		after = DocumentPosition{page[MaxPage-1].Kind, page[MaxPage-1].Name}
	}
}

// serviceOfGroup is the service that declares a consumer group, "" if none does.
func serviceOfGroup(services []*Service, group string) string {
	for _, x := range services {
		if group != "" && slices.Contains(x.ConsumerGroups, group) {
			return x.Name
		}
	}
	return ""
}

// userName is what to call somebody who was seen: a service where its group, principal or client ID tells it.
func userName(services []*Service, u Usage) string {
	if u.Service != "" {
		return u.Service
	}
	if name := serviceOfGroup(services, u.Group); name != "" {
		return name
	}
	for _, x := range services {
		if u.Principal != "" && slices.Contains(x.Principals, u.Principal) || u.ClientID != "" && u.ClientID == x.Name {
			return x.Name
		}
	}
	return cmp.Or(u.Group, u.Principal, u.ClientID, "somebody")
}

// noRawReader refuses a policy that rests on readers who fill in defaults before they validate, while one is declared
// in the scope that reads what was written: RawReader names it.
func (r *Registry) noRawReader(ctx context.Context, scope Scope) error {
	services, err := r.services(ctx)
	if err != nil {
		return err
	}
	for _, x := range services {
		for _, receive := range x.Receives {
			name, err := ParseName(receive.Event)
			inside := scope.Context == GlobalContext || name.Context == scope.Context && (scope.Subject == "" || scope.Subject == name.Subject)
			if err == nil && inside && receive.Decode != "lens" {
				return &Error{Reason: RawReader, Name: name, Detail: x.Name}
			}
		}
	}
	return nil
}

// rawReader refuses a service that reads an event as it was written where a policy rests on readers who fill in defaults
// before they validate: RawReader, with the place in the document.
func (r *Registry) rawReader(ctx context.Context, d *Service) error {
	for i, receive := range d.Receives {
		name, err := ParseName(receive.Event)
		if err != nil || receive.Decode == "lens" {
			continue
		}
		s, err := r.subject(AtLeast(ctx, ^Rev(0)), name)
		if err != nil {
			return err
		}
		if s.Policies.Config().CompatibilityPolicy == compat.SemanticUpcast.String() {
			return &Error{Reason: RawReader, Name: name, Detail: d.Name, Pointer: fmt.Sprintf("/receives/%d/decode", i)}
		}
	}
	return nil
}
