package main

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// kinds are those that the chart may make. Another needs a line here.
var kinds = map[string]func() any{
	"v1/ConfigMap":                            func() any { return new(corev1.ConfigMap) },
	"v1/Secret":                               func() any { return new(corev1.Secret) },
	"v1/Service":                              func() any { return new(corev1.Service) },
	"v1/ServiceAccount":                       func() any { return new(corev1.ServiceAccount) },
	"apps/v1/StatefulSet":                     func() any { return new(appsv1.StatefulSet) },
	"autoscaling/v2/HorizontalPodAutoscaler":  func() any { return new(autoscalingv2.HorizontalPodAutoscaler) },
	"networking.k8s.io/v1/NetworkPolicy":      func() any { return new(networkingv1.NetworkPolicy) },
	"policy/v1/PodDisruptionBudget":           func() any { return new(policyv1.PodDisruptionBudget) },
	"monitoring.coreos.com/v1/ServiceMonitor": func() any { return new(monitoring.ServiceMonitor) },
	"monitoring.coreos.com/v1/PrometheusRule": func() any { return new(monitoring.PrometheusRule) },
}

// decodeAll decodes every manifest into the type of its kind; a field that the type lacks, or twice the same, is an error.
func decodeAll(files map[string]string) ([]any, error) {
	var manifests []any
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Ext(name) != ".yaml" {
			continue
		}
		for _, text := range strings.Split("\n"+files[name], "\n---") {
			manifest, err := decode(text)
			if err != nil {
				wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
			} else if manifest != nil {
				manifests = append(manifests, manifest)
			}
		}
	}
	return manifests, errors.Join(wrong...)
}

func decode(text string) (any, error) {
	var kind struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal([]byte(text), &kind); err != nil {
		return nil, err
	}
	if kind.Kind == "" && kind.APIVersion == "" {
		return nil, nil
	}
	make, known := kinds[kind.APIVersion+"/"+kind.Kind]
	if !known {
		return nil, fmt.Errorf("unknown kind `%s/%s`: add it to kinds in deploy/check/manifests.go", kind.APIVersion, kind.Kind)
	}
	manifest := make()
	if err := yaml.UnmarshalStrict([]byte(text), manifest); err != nil {
		return nil, fmt.Errorf("%s: %w", kind.Kind, err)
	}
	return manifest, nil
}
