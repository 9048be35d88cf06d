package kube

import (
	"slices"
	"time"
)

// The parts of the objects of Kubernetes that are judged.

type list[T any] struct {
	Items []T `json:"items"`
}

type metadata struct {
	Name    string            `json:"name"`
	Labels  map[string]string `json:"labels"`
	Deleted *time.Time        `json:"deletionTimestamp"`
}

type pod struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		Grace      *int64      `json:"terminationGracePeriodSeconds"`
		Init       []container `json:"initContainers"`
		Containers []container `json:"containers"`
	} `json:"spec"`
	Status struct {
		Phase      string      `json:"phase"`
		Reason     string      `json:"reason"`
		Message    string      `json:"message"`
		Conditions []condition `json:"conditions"`
		Init       []status    `json:"initContainerStatuses"`
		Containers []status    `json:"containerStatuses"`
	} `json:"status"`
}

type container struct {
	Name      string `json:"name"`
	Resources struct {
		Limits map[string]string `json:"limits"`
	} `json:"resources"`
	Liveness  *probe `json:"livenessProbe"`
	Readiness *probe `json:"readinessProbe"`
	Startup   *probe `json:"startupProbe"`
	Restart   string `json:"restartPolicy"` // of an init container: Always runs beside the others
}

// running returns the containers that run as long as the pod does.
func (p pod) running() []container {
	init := slices.DeleteFunc(slices.Clone(p.Spec.Init), func(c container) bool { return c.Restart != "Always" })
	return append(init, p.Spec.Containers...)
}

// statuses returns the states of all containers.
func (p pod) statuses() []status { return slices.Concat(p.Status.Init, p.Status.Containers) }

// missing returns a condition of the pod that is not fulfilled, nil if it is.
func (p pod) missing(kind string) *condition {
	for i, d := range p.Status.Conditions {
		if d.Type == kind && d.Status != "True" {
			return &p.Status.Conditions[i]
		}
	}
	return nil
}

type probe struct {
	HTTP *struct {
		Path string `json:"path"`
	} `json:"httpGet"`
}

type status struct {
	Name     string `json:"name"`
	Ready    bool   `json:"ready"`
	Restarts int    `json:"restartCount"`
	State    state  `json:"state"`
	Last     state  `json:"lastState"`
}

type state struct {
	Waiting *struct {
		Reason  string `json:"reason"`
		Message string `json:"message"`
	} `json:"waiting"`
	Terminated *terminated `json:"terminated"`
}

type terminated struct {
	Reason   string    `json:"reason"`
	ExitCode int       `json:"exitCode"`
	Finished time.Time `json:"finishedAt"`
}

type condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

type podMetrics struct {
	Metadata   metadata `json:"metadata"`
	Containers []struct {
		Name  string            `json:"name"`
		Usage map[string]string `json:"usage"`
	} `json:"containers"`
}

type event struct {
	Type    string    `json:"type"`
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Count   int64     `json:"count"`
	Last    time.Time `json:"lastTimestamp"`
	At      time.Time `json:"eventTime"` // in place of the others in newer components
	Object  struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
	} `json:"involvedObject"`
	Series struct {
		Count int64     `json:"count"`
		Last  time.Time `json:"lastObservedTime"`
	} `json:"series"`
}

// last returns when the event was seen last.
func (e event) last() time.Time {
	last := e.Last
	for _, at := range []time.Time{e.At, e.Series.Last} {
		if at.After(last) {
			last = at
		}
	}
	return last
}

type autoscaler struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		Max    int `json:"maxReplicas"`
		Target struct {
			Name string `json:"name"`
		} `json:"scaleTargetRef"`
	} `json:"spec"`
	Status struct {
		Current    int         `json:"currentReplicas"`
		Conditions []condition `json:"conditions"`
	} `json:"status"`
}

type deployment struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		Replicas int `json:"replicas"`
		Selector struct {
			Labels map[string]string `json:"matchLabels"`
		} `json:"selector"`
		Template struct {
			Metadata metadata `json:"metadata"`
		} `json:"template"`
	} `json:"spec"`
}

type service struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		Selector map[string]string `json:"selector"`
		Affinity string            `json:"sessionAffinity"`
	} `json:"spec"`
}
