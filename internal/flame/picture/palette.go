package picture

import (
	"fmt"
	"hash/fnv"
	"math"
)

// Palette is the meaning of the colour of a frame.
type Palette string

// The palettes. Hot and Tool give a name the same colour in each picture; Diff
// shows the change since a base, blue for less and orange for more; State marks calls that hang.
const (
	Hot   Palette = "hot"
	Tool  Palette = "tool"
	Diff  Palette = "diff"
	State Palette = "state"
)

const rootColour = "#ddd5c8"

// colour is the fill of a frame. change is the share of the whole by which it grew.
func (p Palette) colour(f *Frame, change float64) string {
	if f.Parent < 0 || f.merged {
		return rootColour
	}
	a, b := hashes(f.Name)
	switch p {
	case Tool:
		return hsl(360*a, 0.46+0.2*b, 0.64+0.14*b)
	case Diff:
		return diverging(change)
	case State:
		if f.Stuck > 0 {
			return "#e8590c"
		}
		return hsl(185+40*a, 0.30, 0.64+0.18*b)
	case Hot:
	}
	return hsl(6+46*a, 0.80+0.16*b, 0.56+0.2*b)
}

// hashes derives two numbers below 1 from a name, the same in every run.
func hashes(name string) (a, b float64) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	x := h.Sum64()
	x ^= x >> 31
	x *= 0x9e3779b97f4a7c15
	return float64(x>>48) / (1 << 16), float64(x>>32&0xffff) / (1 << 16)
}

// diverging goes from blue over near white to orange, which people with any colour
// vision can distinguish. It is steep at first because most changes are small.
func diverging(change float64) string {
	strength := math.Min(1, math.Sqrt(math.Abs(change)*5))
	if change < 0 {
		return mix([3]float64{242, 239, 232}, [3]float64{58, 132, 205}, strength)
	}
	return mix([3]float64{242, 239, 232}, [3]float64{232, 115, 12}, strength)
}

func mix(a, b [3]float64, t float64) string {
	return rgb(a[0]+(b[0]-a[0])*t, a[1]+(b[1]-a[1])*t, a[2]+(b[2]-a[2])*t)
}

// hsl returns the colour of a hue in degrees, and a saturation and lightness below 1.
func hsl(hue, saturation, light float64) string {
	strength := saturation * math.Min(light, 1-light)
	part := func(n float64) float64 {
		k := math.Mod(n+hue/30, 12)
		return 255 * (light - strength*math.Max(-1, math.Min(math.Min(k-3, 9-k), 1)))
	}
	return rgb(part(0), part(8), part(4))
}

func rgb(r, g, b float64) string {
	return fmt.Sprintf("#%02x%02x%02x", int(math.Round(r)), int(math.Round(g)), int(math.Round(b)))
}
