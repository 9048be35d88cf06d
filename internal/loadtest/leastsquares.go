package loadtest

import "math"

// accumulate adds one row of a least-squares problem to its normal equations.
func accumulate(a *[3]vec, b *vec, row vec, y, weight float64, free [3]bool) {
	for i := range row {
		if !free[i] {
			continue
		}
		for j := range row {
			if free[j] {
				a[i][j] += weight * row[i] * row[j]
			}
		}
		b[i] += weight * row[i] * y
	}
}

// solve solves a·s = b for the free parameters; the others are 0,
// and so are all where there is not one solution. The equations are scaled first:
// λ and κ are many orders of magnitude apart.
func solve(a [3]vec, b vec, free [3]bool) (s vec) {
	var scale vec
	for i := range scale {
		if scale[i] = math.Sqrt(a[i][i]); !free[i] || scale[i] == 0 {
			scale[i] = 1
			a[i] = vec{}
			a[i][i], b[i] = 1, 0
		}
	}
	for i := range a {
		for j := range a {
			a[i][j] /= scale[i] * scale[j]
		}
		b[i] /= scale[i]
	}
	for i := range a {
		if a[i][i] < 1e-14 {
			return vec{}
		}
		for k := i + 1; k < len(a); k++ {
			f := a[k][i] / a[i][i]
			for j := i; j < len(a); j++ {
				a[k][j] -= f * a[i][j]
			}
			b[k] -= f * b[i]
		}
	}
	for i := len(a) - 1; i >= 0; i-- {
		s[i] = b[i]
		for j := i + 1; j < len(a); j++ {
			s[i] -= a[i][j] * s[j]
		}
		s[i] /= a[i][i]
	}
	for i := range s {
		s[i] /= scale[i]
	}
	return s
}

// student is the 97.5 % quantile of Student's t.
func student(df int) float64 {
	table := []float64{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131}
	if df >= 1 && df <= len(table) {
		return table[df-1]
	}
	return 1.96 + 2.4/float64(max(df, 1)) // right to 0.01 from 16 on
}
