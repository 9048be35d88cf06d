package process

import "testing"

func TestCommandShowsNoSecrets(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		info Info
		want string
	}{
		{Info{Name: "node"}, "node"},
		{Info{Args: []string{"env", "DB_PASSWORD=sesame", "node", "--api-token=sesame", "--port", "1"}}, "env DB_PASSWORD=REDACTED node --api-token=REDACTED --port 1"},
	} {
		if got := test.info.Command(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
