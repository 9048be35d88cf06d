package flame

// room returns s with room for n more. It doubles, so that each element is moved about once.
func room[T any](s []T, n int) []T {
	if len(s)+n <= cap(s) {
		return s
	}
	return append(onLargePages(make([]T, 0, max(2*cap(s), len(s)+n, 64))), s...)
}
