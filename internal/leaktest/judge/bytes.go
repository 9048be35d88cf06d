package judge

import (
	"fmt"
	"math"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

const mib = 1 << 20

// Bytes formats a number of bytes with at least two digits: rates are small.
func Bytes(bytes float64) string {
	switch abs := math.Abs(bytes); {
	case abs < 0.5:
		return "0 B"
	case abs >= 1024 && abs < 100<<10:
		return fmt.Sprintf("%.1f KB", bytes/1024)
	}
	return report.MB(bytes / mib)
}
