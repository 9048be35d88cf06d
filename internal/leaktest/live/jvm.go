package live

import (
	"context"
	"fmt"

	"github.com/mcpdiag/mcpdiag/internal/heap"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

// jvm is a process of Java, whose class histogram jcmd prints after a collection.
type jvm struct {
	info process.Info
	growth
}

func openJVM(ctx context.Context, info *process.Info) (door, error) {
	j := &jvm{info: *info}
	if _, err := j.live(ctx); err != nil {
		return nil, err
	}
	return j, nil
}

// live returns the total of the histogram.
func (j *jvm) live(ctx context.Context) (int64, error) {
	histogram := heap.Taken("the class histogram", func() ([]byte, error) { return heap.ClassHistogram(ctx, &j.info) })
	res, err := heap.Run([]heap.Source{histogram}, heap.Options{})
	if err != nil {
		return 0, err
	}
	return res.B.Bytes, nil
}

func (j *jvm) close(context.Context) error { return nil } // jcmd leaves nothing open

func (j *jvm) ended() bool { return !j.info.Lives() }

func (j *jvm) describe() string { return fmt.Sprintf("process %d by jcmd", j.info.PID) }

// explain compares the class histograms before and after the load.
func (j *jvm) explain(ctx context.Context, around Around) (*Explanation, error) {
	around.Note("comparing two class histograms of process %d, which stops for a collection each", j.info.PID)
	return around.compare(ctx, "txt", func(ctx context.Context) ([]byte, error) { return heap.ClassHistogram(ctx, &j.info) })
}
