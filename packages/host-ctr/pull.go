package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/pelletier/go-toml/v2"
)

const (
	pullAttempts = 5
	firstWait    = time.Second
	longestWait  = 30 * time.Second
)

// registryConfig is the file of -registry-config: where else images of a registry are found.
type registryConfig struct {
	Mirrors map[string]struct {
		Endpoints []string `toml:"endpoints"`
	} `toml:"mirrors"`
}

func pullImage(ctx context.Context, client *containerd.Client, wanted request, signals <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	_, err := pull(ctx, client, wanted)
	return err
}

// pull brings an image and unpacks it. Where no registry can be reached, the image of an earlier pull does.
func pull(ctx context.Context, client *containerd.Client, wanted request) (containerd.Image, error) {
	hosts, err := registryHosts(wanted.registryConfig)
	if err != nil {
		return nil, err
	}
	wait := firstWait
	for attempt := 1; ; attempt++ {
		resolver := docker.NewResolver(docker.ResolverOptions{Hosts: hosts})
		image, err := client.Pull(ctx, wanted.source, containerd.WithPullUnpack, containerd.WithResolver(resolver))
		if err == nil {
			return image, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if attempt == pullAttempts {
			if old, missing := client.GetImage(ctx, wanted.source); missing == nil {
				fmt.Fprintf(os.Stderr, "host-ctr: cannot pull %s: %v; going on with the image that is here\n", wanted.source, err)
				return old, old.Unpack(ctx, "")
			}
			return nil, fmt.Errorf("cannot pull %s: %w", wanted.source, err)
		}
		// Many nodes may have lost one registry together: they do not come back together.
		jitter := time.Duration(2000+rand.IntN(4000)) * time.Millisecond
		fmt.Fprintf(os.Stderr, "host-ctr: cannot pull %s: %v; trying again in %s\n", wanted.source, err, wait+jitter)
		select {
		case <-time.After(wait + jitter):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		wait = min(2*wait, longestWait)
	}
}

// registryHosts asks the mirrors of a registry, or those of every registry ("*"), before the registry itself.
func registryHosts(file string) (docker.RegistryHosts, error) {
	authorizer := docker.NewDockerAuthorizer()
	itself := docker.ConfigureDefaultRegistries(docker.WithAuthorizer(authorizer))
	if file == "" {
		return itself, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var config registryConfig
	if err := toml.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return func(registry string) ([]docker.RegistryHost, error) {
		endpoints := config.Mirrors[registry].Endpoints
		if endpoints == nil {
			endpoints = config.Mirrors["*"].Endpoints
		}
		var hosts []docker.RegistryHost
		for _, endpoint := range endpoints {
			address, err := url.Parse(endpoint)
			if err != nil || address.Host == "" {
				return nil, fmt.Errorf("%s: expected the address of a mirror of %s, got %q", file, registry, endpoint)
			}
			hosts = append(hosts, docker.RegistryHost{
				Authorizer:   authorizer,
				Host:         address.Host,
				Scheme:       address.Scheme,
				Path:         "/v2" + address.Path,
				Capabilities: docker.HostCapabilityPull | docker.HostCapabilityResolve,
			})
		}
		last, err := itself(registry)
		return append(hosts, last...), err
	}, nil
}
