# The output of go test -v, without what passes: the closing line of each
# package, each test that fails or is skipped, and what it said.
/^(panic:|fatal error:|WARNING: DATA RACE)/ { whole = 1 }
/^(ok|FAIL|\?) *\t/ { whole = 0 }
whole || /^(ok|FAIL|\?) *\t/ || /^(make|go|#|FAIL$)/ { print; fflush(); next }
/^=== (RUN|CONT|NAME) / { name = $3; next }
/^=== / { next }
/^ *--- PASS: / { delete said[$3]; next }
/^ *--- (SKIP|FAIL): / { printf "%s\n%s", $0, said[$3]; delete said[$3]; fflush(); next }
/^PASS$/ { next }
name != "" { said[name] = said[name] $0 "\n"; next }
{ print; fflush() }
