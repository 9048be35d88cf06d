package kube

import "time"

// The parts of the objects of Kubernetes that are judged.

type metadata struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels"`
}

type pod struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		Grace      *int64      `json:"terminationGracePeriodSeconds"`
		Containers []container `json:"containers"`
	} `json:"spec"`
	Status struct {
		Phase      string   `json:"phase"`
		Containers []status `json:"containerStatuses"`
	} `json:"status"`
}

type container struct {
	Name      string `json:"name"`
	Resources struct {
		Limits map[string]string `json:"limits"`
	} `json:"resources"`
	Liveness  *probe `json:"livenessProbe"`
	Readiness *probe `json:"readinessProbe"`
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
		Reason string `json:"reason"`
	} `json:"waiting"`
	Terminated *terminated `json:"terminated"`
}

type terminated struct {
	Reason   string    `json:"reason"`
	ExitCode int       `json:"exitCode"`
	Finished time.Time `json:"finishedAt"`
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
