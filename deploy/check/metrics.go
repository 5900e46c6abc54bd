package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

const (
	rulesFile     = "deploy/helm/sidecart/files/alerts.yaml"
	dashboardFile = "deploy/helm/sidecart/files/dashboard.json"
)

// checkRules parses the alarms as Prometheus does: grammar, expressions, templates.
func checkRules(root string) (string, error) {
	groups, wrong := rulefmt.ParseFile(filepath.Join(root, rulesFile), false)
	if len(wrong) > 0 {
		return "", errors.Join(wrong...)
	}
	rules := 0
	for _, group := range groups.Groups {
		rules += len(group.Rules)
	}
	return fmt.Sprintf("%d rules", rules), nil
}

// named is where metrics are named: by metric, the places.
type named map[string][]string

func (n named) add(metric, place string) {
	if strings.HasPrefix(metric, "sidecart_") && !slices.Contains(n[metric], place) {
		n[metric] = append(n[metric], place)
	}
}

// checkMetrics sees that every metric named in a panel, an alarm or the documents is one that the binary has.
func checkMetrics(root, scrape string) (string, error) {
	names, recorded := named{}, map[string]bool{}
	panels, err := namedInPanels(root, names)
	if err != nil {
		return "", err
	}
	if err := namedInRules(root, names, recorded); err != nil {
		return "", err
	}
	if err := namedInDocs(root, names); err != nil {
		return "", err
	}
	seen, err := scraped(scrape)
	if err != nil {
		return "", err
	}
	registered, err := inSource(root)
	if err != nil {
		return "", err
	}
	var wrong []error
	var silent []string
	for _, metric := range slices.Sorted(maps.Keys(names)) {
		switch {
		case seen[metric] || recorded[metric]:
		case registered(metric):
			silent = append(silent, metric)
		default:
			wrong = append(wrong, fmt.Errorf("no metric `%s`, named in %s", metric, strings.Join(names[metric], ", ")))
		}
	}
	said := fmt.Sprintf("%d panels; %d metrics named, %d of them seen in the scrape", panels, len(names), len(names)-len(silent))
	if len(silent) > 0 {
		said += "; registered in src/metrics, silent until something happens: " + strings.Join(silent, ", ")
	}
	return said, errors.Join(wrong...)
}

func inExpression(text, place string, names named) error {
	text = strings.ReplaceAll(text, "$__rate_interval", "1m")
	expression, err := parser.ParseExpr(text)
	if err != nil {
		return fmt.Errorf("%s: %w", place, err)
	}
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		if selector, is := node.(*parser.VectorSelector); is {
			names.add(selector.Name, place)
		}
		return nil
	})
	return nil
}

func namedInPanels(root string, names named) (int, error) {
	text, err := os.ReadFile(filepath.Join(root, dashboardFile))
	if err != nil {
		return 0, err
	}
	var dashboard struct {
		Panels []struct {
			ID      int
			Type    string
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		return 0, fmt.Errorf("%s: %w", dashboardFile, err)
	}
	var wrong []error
	panels, ids := 0, map[int]bool{}
	for _, panel := range dashboard.Panels {
		if ids[panel.ID] {
			wrong = append(wrong, fmt.Errorf("two panels have the id %d", panel.ID))
		}
		ids[panel.ID] = true
		if panel.Type == "row" {
			continue
		}
		panels++
		if len(panel.Targets) == 0 {
			wrong = append(wrong, fmt.Errorf("panel `%s` asks nothing", panel.Title))
		}
		for _, target := range panel.Targets {
			wrong = append(wrong, inExpression(target.Expr, "panel `"+panel.Title+"`", names))
		}
	}
	return panels, errors.Join(wrong...)
}

func namedInRules(root string, names named, recorded map[string]bool) error {
	groups, wrong := rulefmt.ParseFile(filepath.Join(root, rulesFile), false)
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			if rule.Record != "" {
				recorded[rule.Record] = true
			}
			if err := inExpression(rule.Expr, "alarm `"+rule.Alert+rule.Record+"`", names); err != nil {
				return err
			}
		}
	}
	return nil
}

var (
	// A name in a document: not the head of a longer word, a path or a name with a star.
	inText = regexp.MustCompile(`\bsidecart_[a-z0-9_]*[a-z0-9]\b`)
	// A string in the source that may be a metric's name.
	literal = regexp.MustCompile(`"([a-z][a-z0-9_]*)"`)
)

func namedInDocs(root string, names named) error {
	for _, pattern := range []string{"README.md", "docs/*.md", "deploy/helm/sidecart/README.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			for _, metric := range inText.FindAllString(string(text), -1) {
				names.add(metric, filepath.Base(file))
			}
		}
	}
	return nil
}

// scraped are the names that PromQL can ask for, and the families' own.
func scraped(file string) (map[string]bool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, line := range strings.Split(string(text), "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) > 2 && words[0] == "#" && words[1] == "TYPE":
			seen[words[2]] = true
		case len(words) > 1 && words[0] != "#":
			name, _, _ := strings.Cut(words[0], "{")
			seen[name] = true
		}
	}
	if len(seen) < 20 {
		return nil, fmt.Errorf("%s: %d metrics only: not a scrape of Sidecart", file, len(seen))
	}
	return seen, nil
}

// inSource tells whether src/metrics registers what may be seen under a name. For what a scrape doesn't show: a family
// without a value, and rooms that are idle.
func inSource(root string) (func(string) bool, error) {
	files, err := filepath.Glob(filepath.Join(root, "src/metrics/*.rs"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("src/metrics holds no source: %v", err)
	}
	bases := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, found := range literal.FindAllStringSubmatch(string(text), -1) {
			bases[found[1]] = true
		}
	}
	return func(metric string) bool {
		base := strings.TrimPrefix(metric, "sidecart_")
		for _, suffix := range []string{"", "_bucket", "_sum", "_count", "_total"} {
			cut, had := strings.CutSuffix(base, suffix)
			if had && (bases[cut] || bases[strings.TrimSuffix(cut, "_seconds")]) {
				return true
			}
		}
		return false
	}, nil
}
