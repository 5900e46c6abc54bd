// Deploycheck checks what is under deploy/ with the libraries of those who will read it: the chart with Helm's, the
// manifests with the types of Kubernetes and the Prometheus operator, alarms and panels with Prometheus', the compose file
// with Compose's. scripts/check-deploy runs it.
//
//	deploycheck ROOT OUT SCRAPE
//
// ROOT is the repository, OUT a folder for what is rendered, SCRAPE a file with the answer of a real /metrics.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: deploycheck ROOT OUT SCRAPE")
		os.Exit(2)
	}
	root, out, scrape := os.Args[1], os.Args[2], os.Args[3]
	steps := []struct {
		name string
		run  func() (string, error)
	}{
		{"chart", func() (string, error) { return checkChart(root, out) }},
		{"refusals", func() (string, error) { return checkRefusals(root) }},
		{"compose", func() (string, error) { return checkCompose(root) }},
		{"alarms", func() (string, error) { return checkRules(root) }},
		{"metrics", func() (string, error) { return checkMetrics(root, scrape) }},
	}
	failed := false
	for _, step := range steps {
		said, err := step.run()
		if err != nil {
			failed = true
			fmt.Printf("%s: FAILED\n%v\n", step.name, err)
			continue
		}
		fmt.Printf("%s: %s\n", step.name, said)
	}
	if failed {
		os.Exit(1)
	}
}
