package plan

import _ "embed"

// Schema is the JSON Schema of the plan file, for editors.
//
//go:embed plan.schema.json
var Schema []byte
