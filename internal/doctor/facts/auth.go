package facts

import (
	"encoding/json"
	"errors"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Auth holds the documents that the server and its authorization server publish.
type Auth struct {
	Named    string     `json:"named,omitempty"` // resource_metadata of the challenge
	Resource *Resource  `json:"resource,omitempty"`
	Servers  []Metadata `json:"servers,omitempty"`
	Refresh  *Refreshed `json:"refresh,omitempty"`

	Unfinished bool `json:"unfinished,omitempty"` // a document that is missing was perhaps not asked for
}

// Resource is the metadata of a protected resource (RFC 9728).
type Resource struct {
	URL      string   `json:"url"` // where it was found
	Resource string   `json:"resource"`
	Servers  []string `json:"authorization_servers"`
	Scopes   []string `json:"scopes_supported,omitempty"`
	Wrong    string   `json:"wrong,omitempty"` // a member of another type, for which clients refuse all
}

// Metadata is the metadata of an authorization server (RFC 8414).
type Metadata struct {
	Asked        string   `json:"asked"`         // the issuer as the resource names it
	URL          string   `json:"url,omitempty"` // where it was found, "" if nowhere
	Issuer       string   `json:"issuer"`
	Challenges   []string `json:"code_challenge_methods_supported"`
	Registration string   `json:"registration_endpoint"`
	ByDocument   bool     `json:"client_id_metadata_document_supported"`
	Refused      bool     `json:"refused,omitempty"` // doctor does not connect to its address
	Authorize    string   `json:"authorization_endpoint"`
	Token        string   `json:"token_endpoint"`
	Grants       []string `json:"grant_types_supported"`
	NamesItself  bool     `json:"authorization_response_iss_parameter_supported"`
	KeysURL      string   `json:"jwks_uri"`
	Keys         *KeySet  `json:"key_set,omitempty"` // that were found there
	Wrong        string   `json:"wrong,omitempty"`   // a member of another type, for which clients refuse all
}

// WrongType says in words why JSON could not be decoded: which member is not as it should be.
func WrongType(err error) string {
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case !ok:
		return report.Line(err.Error())
	case wrong.Field == "":
		return "it is a JSON " + wrong.Value
	}
	return report.Line(wrong.Field + " holds a JSON " + wrong.Value)
}

// Challenge returns the exchange in which the server asked for a token.
func (f *Facts) Challenge() *Exchange {
	for _, x := range []*Exchange{f.First("anonymous"), f.Entry(), f.First("anonymous tools/list"), f.First("tools/list")} {
		if x.WasSent() && x.Kind() == KindAuth {
			return x
		}
	}
	return &Exchange{}
}

// KeySet describes the keys at the jwks_uri of an authorization server.
type KeySet struct {
	Failed  string `json:"failed,omitempty"`
	Keys    int    `json:"keys"`
	Weak    int    `json:"weak,omitempty"`          // RSA keys of less than 2048 bits
	Leaks   int    `json:"private,omitempty"`       // private keys
	Missing bool   `json:"missing_token,omitempty"` // none has the key id of the token
}

// Refresh is a refresh token that the user lets doctor spend.
type Refresh struct {
	Token, ClientID, ClientSecret string

	Rotated func(token string) // receives the token that replaces it
}

// Refreshed is the outcome of refreshing, without tokens.
type Refreshed struct {
	Status  int     `json:"status,omitempty"`
	Error   string  `json:"error,omitempty"`
	Rotated bool    `json:"rotated,omitempty"`
	Seconds float64 `json:"expires_in,omitempty"`
}
