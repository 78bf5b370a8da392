package main

import (
	"context"
	"os"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/contrib/seccomp"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Where a container finds what is its host's.
const inside = "/.slipway"

func specOptions(image containerd.Image, wanted request) []oci.SpecOpts {
	options := []oci.SpecOpts{
		oci.WithImageConfig(image),
		oci.WithHostNamespace(specs.NetworkNamespace),
		oci.WithHostNamespace(specs.UTSNamespace),
		oci.WithHostHostsFile,
		oci.WithHostResolvconf,
		oci.WithEnv(proxies()),
		oci.WithMounts(ownMounts(wanted)),
	}
	switch {
	case wanted.superpowered:
		options = append(options,
			oci.WithHostNamespace(specs.PIDNamespace),
			oci.WithPrivileged,
			oci.WithAllDevicesAllowed,
			oci.WithHostDevices,
			oci.WithNewPrivileges,
			oci.WithSeccompUnconfined,
			oci.WithMounts(hostMounts()),
			sharedRoot,
		)
	case wanted.kind == bootstrap:
		// Its work is to prepare disks: it may mount, and the host sees what it mounts below /mnt.
		options = append(options,
			oci.WithAddedCapabilities([]string{"CAP_SYS_ADMIN"}),
			oci.WithAllDevicesAllowed,
			oci.WithHostDevices,
			oci.WithMounts(hostMounts()),
			sharedRoot,
			// Last, for it allows what the capability above is for.
			seccomp.WithDefaultProfile(),
		)
	default:
		options = append(options, seccomp.WithDefaultProfile())
	}
	// Behind what takes every label away.
	return append(options, labelled(wanted))
}

// labelled says what the container is to SELinux: privileged, or the administrator's own, with a root that no other container reads.
func labelled(wanted request) oci.SpecOpts {
	domain := "control_t"
	if wanted.superpowered {
		domain = "super_t"
	}
	return func(_ context.Context, _ oci.Client, _ *containers.Container, spec *oci.Spec) error {
		spec.Process.SelinuxLabel = "system_u:system_r:" + domain + ":s0-s0:c0.c1023"
		spec.Linux.MountLabel = "system_u:object_r:secret_t:s0"
		return nil
	}
}

// sharedRoot lets the host see what a container mounts where that is shared.
func sharedRoot(_ context.Context, _ oci.Client, _ *containers.Container, spec *oci.Spec) error {
	spec.Linux.RootfsPropagation = "rshared"
	return nil
}

// proxies are the host's, for a container on the host's network.
func proxies() []string {
	var found []string
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"} {
		for _, spelt := range []string{name, strings.ToLower(name)} {
			if value, ok := os.LookupEnv(spelt); ok {
				found = append(found, spelt+"="+value)
			}
		}
	}
	return found
}

func bind(source, destination string, options ...string) specs.Mount {
	return specs.Mount{Type: "bind", Source: source, Destination: destination, Options: options}
}

// ownMounts are what every container of the host gets: a directory that outlives it, and the way to the node's settings.
func ownMounts(wanted request) []specs.Mount {
	below := inside + "/" + string(wanted.kind) + "/"
	mounts := []specs.Mount{
		bind(wanted.directory(), below+wanted.id, "rbind", "rprivate", "rw"),
		bind(wanted.directory(), below+"current", "rbind", "rprivate", "rw"),
		{Type: "cgroup", Source: "cgroup", Destination: "/sys/fs/cgroup", Options: []string{"ro", "nosuid", "noexec", "nodev"}},
	}
	return append(mounts, present(
		bind("/run/api.sock", "/run/api.sock", "rbind", "rprivate", "rw"),
		bind("/usr/bin/apiclient", "/usr/local/bin/apiclient", "rbind", "rprivate", "ro"),
	)...)
}

// hostMounts show the host itself.
func hostMounts() []specs.Mount {
	return append([]specs.Mount{
		bind("/", inside+"/rootfs", "rbind", "rprivate", "ro"),
		bind("/mnt", inside+"/rootfs/mnt", "rbind", "rshared", "rw"),
	}, present(
		bind("/lib/modules", "/lib/modules", "rbind", "rprivate", "ro"),
		bind("/usr/src/kernels", "/usr/src/kernels", "rbind", "rprivate", "rw"),
		bind("/sys/kernel/debug", "/sys/kernel/debug", "rbind", "rprivate", "rw"),
	)...)
}

// present leaves out what this host does not have.
func present(mounts ...specs.Mount) []specs.Mount {
	var found []specs.Mount
	for _, mount := range mounts {
		if _, err := os.Stat(mount.Source); err == nil {
			found = append(found, mount)
		}
	}
	return found
}
