package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// checkCompose reads the compose file as Compose does, schema included, and sees that all files it mounts are there.
func checkCompose(root string) (string, error) {
	file := filepath.Join(root, "deploy/compose.yaml")
	options, err := cli.NewProjectOptions([]string{file}, cli.WithWorkingDirectory(filepath.Dir(file)))
	if err != nil {
		return "", err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return "", err
	}
	var wrong []error
	for _, service := range project.Services {
		for _, volume := range service.Volumes {
			if volume.Type != types.VolumeTypeBind {
				continue
			}
			if _, err := os.Stat(volume.Source); err != nil {
				wrong = append(wrong, fmt.Errorf("service %s mounts what is not there: %w", service.Name, err))
			}
		}
		if service.Build != nil {
			if _, err := os.Stat(filepath.Join(service.Build.Context, service.Build.Dockerfile)); err != nil {
				wrong = append(wrong, fmt.Errorf("service %s: %w", service.Name, err))
			}
		}
	}
	sidecart := project.Services["sidecart"]
	if replicas := sidecart.GetScale(); replicas != 3 {
		wrong = append(wrong, fmt.Errorf("service sidecart has %d replicas, not 3", replicas))
	}
	return fmt.Sprintf("%d services, as Compose reads them", len(project.Services)), errors.Join(wrong...)
}
