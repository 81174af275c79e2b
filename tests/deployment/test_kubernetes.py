"""The Kubernetes manifests: put together by kubectl, valid by the published schemas, as little able as can be."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import kubernetes_validate
import pytest
import yaml

from producer.settings import Settings
from tests.deployment.commands import parse, unknown
from tests.deployment.dockerfile import DOCKERFILE, ROOT, lineage, read_stages
from workers.settings import AutoscaleSettings

FOLDER = ROOT / "docker" / "kubernetes"
KINDS = ("cpu", "gpu", "npu")
VERSIONS = ("1.30", "1.37")  # the first that lets a pod sleep before it stops, and the newest that is published
Manifest: TypeAlias = Mapping[str, Any]  # Any: YAML


@cache
def rendered(folder: Path) -> tuple[Manifest, ...]:
    kubectl = Path(sys.executable).with_name("kubectl")
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, ...]:
    """What is applied when every kind of device is asked for, as the documents say it."""
    folder = tmp_path_factory.mktemp("kubernetes") / "kubernetes"
    subprocess.run(["cp", "-r", FOLDER, folder], check=True)
    root = folder / "kustomization.yaml"
    text = root.read_text()
    assert "resources: [system, cpu]\n" in text
    root.write_text(text.replace("resources: [system, cpu]\n", "resources: [system, cpu, gpu, npu]\n"))
    return rendered(folder)


def of(manifests: tuple[Manifest, ...], kind: str) -> dict[str, Manifest]:
    return {found["metadata"]["name"]: found for found in manifests if found["kind"] == kind}


def pods(manifests: tuple[Manifest, ...]) -> Iterator[tuple[str, Manifest, Manifest]]:
    """The name, the pod and the one container of every Deployment."""
    for name, deployment in of(manifests, "Deployment").items():
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        yield name, pod, container


def test_without_a_gpu_or_an_npu_the_system_and_its_cpu_workers_are_applied() -> None:
    assert set(of(rendered(FOLDER), "Deployment")) == {"ocrfleet-api", "ocrfleet-io", "ocrfleet-cpu"}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_what_kubernetes_publishes(everything: tuple[Manifest, ...], version: str) -> None:
    secrets = tuple(yaml.safe_load_all((FOLDER / "secrets.example.yaml").read_text()))
    checked = [one for one in everything + secrets if not one["apiVersion"].startswith("keda.sh/")]
    assert len(checked) > 15
    for manifest in checked:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_mistake_in_a_manifest_is_found() -> None:
    (deployment, *_) = of(rendered(FOLDER), "Deployment").values()
    wrong = {**deployment, "spec": {**deployment["spec"], "replicsa": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_all_is_in_one_namespace_that_admits_restricted_pods_alone(everything: tuple[Manifest, ...]) -> None:
    (namespace,) = of(everything, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {one["metadata"].get("namespace") for one in everything if one["kind"] != "Namespace"} == {"ocrfleet"}


def test_a_pod_can_do_little(everything: tuple[Manifest, ...]) -> None:
    for _, pod, container in pods(everything):
        context = pod["securityContext"]
        assert (context["runAsNonRoot"], context["runAsUser"]) == (True, 10001)
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {volume["name"]: next(iter(set(volume) - {"name"})) for volume in pod["volumes"]} == {
            "tmp": "emptyDir",
            "cache": "emptyDir",
        }


def test_what_a_pod_may_write_is_what_the_image_declares(everything: tuple[Manifest, ...]) -> None:
    stages = lineage(read_stages(DOCKERFILE.read_text()), "cpu")
    declared = yaml.safe_load(next(volume for stage in stages for volume in stage.all("VOLUME")))
    for _, _, container in pods(everything):
        assert [mount["mountPath"] for mount in container["volumeMounts"]] == declared


def test_a_pod_runs_a_command_and_settings_that_the_program_has(everything: tuple[Manifest, ...]) -> None:
    for name, _, container in pods(everything):
        assert parse(container["args"]) == ("api" if name == "ocrfleet-api" else "worker")
        assert container["image"] == f"registry.example/{name}:0.1.0"
        assert container["envFrom"] == [{"configMapRef": {"name": "ocrfleet"}}, {"secretRef": {"name": "ocrfleet"}}]
    (settings,) = of(everything, "ConfigMap").values()
    secrets = yaml.safe_load_all((FOLDER / "secrets.example.yaml").read_text())
    assert not unknown([*settings["data"], *next(secrets)["stringData"]])


def test_every_pod_is_probed_and_has_bounds(everything: tuple[Manifest, ...]) -> None:
    for name, _, container in pods(everything):
        probe = {"httpGet": {"path": "/health/live", "port": "http"}}
        live = probe if name == "ocrfleet-api" else {"exec": {"command": ["ocrfleet-alive"]}}
        assert live.items() <= container["livenessProbe"].items()
        assert live.items() <= container["startupProbe"].items()
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert "memory" in container["resources"]["limits"]
    api = {name: container for name, _, container in pods(everything)}["ocrfleet-api"]
    assert api["readinessProbe"]["httpGet"]["path"] == "/health/ready"


def test_a_pod_has_the_time_to_end_the_page_that_it_reads(everything: tuple[Manifest, ...]) -> None:
    (settings,) = of(everything, "ConfigMap").values()
    page_s, stop_s = (float(settings["data"][f"OCRFLEET_{name}"]) for name in ("PAGE_TIMEOUT_S", "WORKER_STOP_S"))
    assert page_s == Settings.model_fields["page_timeout_s"].default
    for name, pod, _ in pods(everything):
        assert name == "ocrfleet-api" or page_s < stop_s < pod["terminationGracePeriodSeconds"] - 30


def test_a_page_that_is_too_large_fails_before_its_container_is_killed(everything: tuple[Manifest, ...]) -> None:
    (settings,) = of(everything, "ConfigMap").values()
    page_mib = int(settings["data"]["OCRFLEET_WORKER_MEMORY_LIMIT_MIB"])
    for name, _, container in pods(everything):
        if name.endswith(KINDS):
            processes = int(container["args"][-1])
            assert int(container["resources"]["limits"]["memory"].removesuffix("Gi")) * 1024 > page_mib * processes


def test_a_kind_of_device_asks_for_its_device(everything: tuple[Manifest, ...]) -> None:
    limits = {name: container["resources"]["limits"] for name, _, container in pods(everything)}
    assert limits["ocrfleet-gpu"]["nvidia.com/gpu"] == 1
    assert limits["ocrfleet-npu"]["huawei.com/Ascend910"] == 1


def test_a_pod_with_an_npu_is_in_the_group_that_compose_gives_its_container(everything: tuple[Manifest, ...]) -> None:
    compose = yaml.safe_load((ROOT / "docker" / "compose.npu.yaml").read_text())
    (group,) = compose["services"]["npu"]["group_add"]
    own = {name: pod["securityContext"].get("supplementalGroups") for name, pod, _ in pods(everything)}
    assert {name: groups for name, groups in own.items() if groups} == {
        "ocrfleet-npu": [int(re.fullmatch(r"\$\{NPU_GROUP:-(\d+)\}", group)[1])]  # type: ignore[index]
    }


def test_the_fleet_may_want_as_many_of_a_kind_as_keda_may_make() -> None:
    (settings,) = of(rendered(FOLDER), "ConfigMap").values()
    bounds = AutoscaleSettings(kinds=json.loads(settings["data"]["OCRFLEET_AUTOSCALE_KINDS"])).kinds
    scaled = of(rendered(FOLDER), "ScaledObject")
    assert {f"ocrfleet-{kind}" for kind in bounds} == set(scaled)
    for kind, bound in bounds.items():
        spec = scaled[f"ocrfleet-{kind}"]["spec"]
        assert (bound.min, bound.max) == (spec["minReplicaCount"], spec["maxReplicaCount"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_scaled_by_what_the_fleet_wants(everything: tuple[Manifest, ...], kind: str) -> None:
    """By hand: no package has the schemas of KEDA's resources. The names are those of its documents."""
    scaled = of(everything, "ScaledObject")[f"ocrfleet-{kind}"]
    assert scaled["apiVersion"] == "keda.sh/v1alpha1"
    spec = scaled["spec"]
    assert set(spec) == {
        *("scaleTargetRef", "minReplicaCount", "maxReplicaCount", "pollingInterval", "cooldownPeriod"),
        *("fallback", "advanced", "triggers"),
    }
    assert spec["scaleTargetRef"] == {"name": f"ocrfleet-{kind}"}
    assert spec["scaleTargetRef"]["name"] in of(everything, "Deployment")
    assert "replicas" not in of(everything, "Deployment")[f"ocrfleet-{kind}"]["spec"]
    (trigger,) = spec["triggers"]
    processes = {name: container["args"][-1] for name, _, container in pods(everything)}[f"ocrfleet-{kind}"]
    assert trigger == {
        "type": "metrics-api",
        "metricType": "AverageValue",
        "metadata": {
            "url": f"http://ocrfleet-api.ocrfleet.svc:8080/v1/autoscale/{kind}",
            "valueLocation": "desired_workers",
            "targetValue": processes,
            "authMode": "bearer",
        },
        "authenticationRef": {"name": "ocrfleet-autoscale"},
    }


def test_kedas_key_and_every_other_secret_is_only_referred_to(everything: tuple[Manifest, ...]) -> None:
    (authentication,) = of(everything, "TriggerAuthentication").values()
    assert authentication["spec"] == {
        "secretTargetRef": [{"parameter": "token", "name": "ocrfleet-autoscale", "key": "token"}]
    }
    assert not of(everything, "Secret")
    named = {one["metadata"]["name"] for one in yaml.safe_load_all((FOLDER / "secrets.example.yaml").read_text())}
    assert named == {"ocrfleet", "ocrfleet-autoscale"}


def test_every_deployment_survives_the_drain_of_a_node(everything: tuple[Manifest, ...]) -> None:
    budgets, deployments = of(everything, "PodDisruptionBudget"), of(everything, "Deployment")
    assert set(budgets) == set(deployments)
    for name, budget in budgets.items():
        assert budget["spec"]["selector"] == deployments[name]["spec"]["selector"]
        assert {"minAvailable", "maxUnavailable"} & set(budget["spec"])


def test_pods_are_reached_at_the_api_alone_and_reach_what_they_need(everything: tuple[Manifest, ...]) -> None:
    policies = of(everything, "NetworkPolicy")
    assert policies["ocrfleet"]["spec"]["podSelector"] == {}
    assert policies["ocrfleet"]["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policies["ocrfleet"]["spec"]
    ports = {port["port"] for rule in policies["ocrfleet"]["spec"]["egress"] for port in rule["ports"]}
    assert ports == {53, 80, 443, 6379, 6380, 26379}
    (service,) = of(everything, "Service").values()
    api = of(everything, "Deployment")["ocrfleet-api"]["spec"]["template"]["metadata"]["labels"]
    for selector in (service["spec"]["selector"], policies["ocrfleet-api"]["spec"]["podSelector"]["matchLabels"]):
        assert selector.items() <= api.items()
    assert policies["ocrfleet-api"]["spec"]["ingress"][0]["ports"] == [{"port": 8080, "protocol": "TCP"}]


def test_no_manifest_has_the_latest_of_anything(everything: tuple[Manifest, ...]) -> None:
    for _, _, container in pods(everything):
        assert re.search(r":\d[\w.]*$", container["image"])
