package read

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// pick returns the profile of a file that want names, by name or by number from
// 1. Without a wish it joins the profiles of the unit of the first one, because
// weights of different units have no sum.
func pick(profiles []*stacks.Profile, want string) (*stacks.Profile, error) {
	if len(profiles) == 0 {
		return nil, errors.New("it contains no profile")
	}
	if want != "" {
		return named(profiles, want)
	}
	var other []*stacks.Profile
	p := profiles[0]
	for _, next := range profiles[1:] {
		if next.Unit == p.Unit {
			p.Join(next)
		} else {
			other = append(other, next)
		}
	}
	if len(other) > 0 {
		p.Warn("profiles of other units are not shown: %s; --profile NAME or NUMBER chooses one", names(other))
	}
	return p, nil
}

func named(profiles []*stacks.Profile, want string) (*stacks.Profile, error) {
	others := func(p *stacks.Profile) bool { return p.Name != want }
	if same := slices.DeleteFunc(slices.Clone(profiles), others); len(same) > 0 { // threads can have one name
		return pick(same, "")
	}
	if n, err := strconv.Atoi(want); err == nil && n >= 1 && n <= len(profiles) {
		return profiles[n-1], nil
	}
	return nil, fmt.Errorf("it contains no profile %.40q, but 1 to %d: %s", want, len(profiles), names(profiles))
}

// names lists the names and units of profiles.
func names(profiles []*stacks.Profile) string {
	const shown = 10
	var list []string
	for _, p := range profiles[:min(len(profiles), shown)] {
		list = append(list, fmt.Sprintf("%s (%s)", stacks.Printable(p.Name), p.Unit))
	}
	if more := len(profiles) - shown; more > 0 {
		list = append(list, fmt.Sprintf("%d more", more))
	}
	return strings.Join(list, ", ")
}
