package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	corev1 "k8s.io/api/core/v1"
)

// The version of Kubernetes that charts are rendered for: the oldest that Chart.yaml allows.
const kubeVersion = "v1.32.0"

func chartDir(root string) string { return filepath.Join(root, "deploy/helm/sidecart") }

// checkChart lints the chart with each example, renders it, and decodes all manifests strictly. What the ConfigMap holds
// is left in OUT, for `sidecart check`.
func checkChart(root, out string) (string, error) {
	examples, err := filepath.Glob(filepath.Join(root, "deploy/helm/examples/*.yaml"))
	if err != nil || len(examples) == 0 {
		return "", fmt.Errorf("deploy/helm/examples holds no values: %v", err)
	}
	loaded, err := loader.Load(chartDir(root))
	if err != nil {
		return "", err
	}
	var wrong []error
	manifests := 0
	for _, example := range examples {
		rendered, err := checkExample(root, loaded, example, out)
		manifests += rendered
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", filepath.Base(example), err))
		}
	}
	return fmt.Sprintf("%d examples linted and rendered, %d manifests decoded strictly", len(examples), manifests), errors.Join(wrong...)
}

func checkExample(root string, loaded *chart.Chart, example, out string) (int, error) {
	values, err := chartutil.ReadValuesFile(example)
	if err != nil {
		return 0, err
	}
	merged, err := chartutil.CoalesceValues(loaded, values)
	if err != nil {
		return 0, err
	}
	for _, message := range lint.All(chartDir(root), merged, "shop", true).Messages {
		if message.Severity >= support.WarningSev {
			return 0, fmt.Errorf("lint: %s", message.Error())
		}
	}
	files, err := render(loaded, values)
	if err != nil {
		return 0, err
	}
	if !strings.Contains(files["sidecart/templates/NOTES.txt"], "rollout status") {
		return 0, errors.New("NOTES.txt is not rendered")
	}
	manifests, err := decodeAll(files)
	if err != nil {
		return 0, err
	}
	config, err := configOf(manifests)
	if err != nil {
		return 0, err
	}
	name := strings.TrimSuffix(filepath.Base(example), ".yaml")
	return len(manifests), os.WriteFile(filepath.Join(out, name+".config.yaml"), []byte(config), 0o600)
}

func render(loaded *chart.Chart, values map[string]any) (map[string]string, error) {
	version, err := chartutil.ParseKubeVersion(kubeVersion)
	if err != nil {
		return nil, err
	}
	capabilities := *chartutil.DefaultCapabilities
	capabilities.KubeVersion = *version
	release := chartutil.ReleaseOptions{Name: "shop", Namespace: "shop", Revision: 1, IsInstall: true}
	ready, err := chartutil.ToRenderValues(loaded, values, release, &capabilities)
	if err != nil {
		return nil, err
	}
	return engine.Render(loaded, ready)
}

// configOf finds Sidecart's config, and sees that no secret is in there, be it a hash.
func configOf(manifests []any) (string, error) {
	for _, manifest := range manifests {
		configMap, is := manifest.(*corev1.ConfigMap)
		if !is {
			continue
		}
		config, has := configMap.Data["cross-sell-config.yaml"]
		if !has {
			continue
		}
		for _, secret := range []string{"sha256:", "password:", "token:"} {
			if strings.Contains(config, secret) {
				return "", fmt.Errorf("the ConfigMap holds `%s`: secrets come from a Secret, as `${NAME}` or as a file", secret)
			}
		}
		return config, nil
	}
	return "", errors.New("no ConfigMap holds cross-sell-config.yaml")
}

// checkRefusals renders values that can't be right: each names on its first line what it is to be told.
func checkRefusals(root string) (string, error) {
	files, err := filepath.Glob(filepath.Join(root, "deploy/check/rejected/*.yaml"))
	if err != nil || len(files) == 0 {
		return "", fmt.Errorf("deploy/check/rejected holds no values: %v", err)
	}
	loaded, err := loader.Load(chartDir(root))
	if err != nil {
		return "", err
	}
	slices.Sort(files)
	var wrong []error
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		first, _, _ := strings.Cut(string(text), "\n")
		wanted := strings.TrimPrefix(first, "# ")
		values, err := chartutil.ReadValues(text)
		if err != nil {
			return "", err
		}
		if _, err = render(loaded, values); err == nil {
			wrong = append(wrong, fmt.Errorf("%s: was rendered, and is to be refused", filepath.Base(file)))
		} else if !strings.Contains(err.Error(), wanted) {
			wrong = append(wrong, fmt.Errorf("%s: says %q, and is to say %q", filepath.Base(file), err, wanted))
		}
	}
	return fmt.Sprintf("%d wrong values refused with the reason", len(files)), errors.Join(wrong...)
}
