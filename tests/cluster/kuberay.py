"""What KubeRay and Kubernetes accept of a RayJob, as far as docs/kubernetes/rayjob.yaml goes: a JSON schema.

Field names, types and accepted values are those of KubeRay 1.6.2, from its API reference (RayJobSpec, RayClusterSpec,
HeadGroupSpec, WorkerGroupSpec, AutoscalerOptions, AuthOptions; ray-project/kuberay, docs/reference/api.md at v1.6.2),
required fields from the types in ray-operator/apis/ray/v1; those of pods from the Kubernetes API 1.28 (PodSpec,
Container, EnvVar, Toleration, Volume). Unknown fields are refused, which is what catches a misspelt one: the API server
would drop it silently.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
POSITIVE: Schema = {"type": "integer", "minimum": 1}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
TEXTS: Schema = {"type": "object", "additionalProperties": TEXT}
NAME: Schema = {"type": "string", "pattern": r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", "maxLength": 253}
QUANTITY: Schema = {"type": ["string", "integer"], "pattern": r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"}
QUANTITIES: Schema = {"type": "object", "additionalProperties": QUANTITY}


def one_of(*values: str) -> Schema:
    return {"enum": list(values)}


def fields(required: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def several(items: Schema) -> Schema:
    return {"type": "array", "items": items}


REFERENCE = fields(("name", "key"), name=NAME, key=TEXT, optional=FLAG)
ENV = fields(("name",), name=TEXT, value=TEXT, valueFrom=fields((), secretKeyRef=REFERENCE, configMapKeyRef=REFERENCE))
CONTAINER = fields(
    ("name", "image"),
    name=NAME,
    image=TEXT,
    imagePullPolicy=one_of("Always", "IfNotPresent", "Never"),
    command=several(TEXT),
    args=several(TEXT),
    env=several(ENV),
    resources=fields((), requests=QUANTITIES, limits=QUANTITIES),
    volumeMounts=several(fields(("name", "mountPath"), name=NAME, mountPath=TEXT, readOnly=FLAG, subPath=TEXT)),
)
TOLERATION = fields(
    (),
    key=TEXT,
    operator=one_of("Exists", "Equal"),
    value=TEXT,
    effect=one_of("NoSchedule", "PreferNoSchedule", "NoExecute"),
    tolerationSeconds=WHOLE,
)
VOLUME = fields(
    ("name",),
    name=NAME,
    configMap=fields((), name=NAME, optional=FLAG),
    emptyDir=fields((), medium=TEXT, sizeLimit=QUANTITY),
    persistentVolumeClaim=fields(("claimName",), claimName=NAME, readOnly=FLAG),
)
POD_SPEC = fields(
    ("containers",),
    containers={"type": "array", "items": CONTAINER, "minItems": 1},
    nodeSelector=TEXTS,
    serviceAccountName=NAME,
    tolerations=several(TOLERATION),
    volumes=several(VOLUME),
)
POD = fields(("spec",), metadata=fields((), labels=TEXTS, annotations=TEXTS), spec=POD_SPEC)
HEAD = fields(
    ("template", "rayStartParams"),
    template=POD,
    rayStartParams=TEXTS,
    resources=TEXTS,
    labels=TEXTS,
    serviceType=one_of("ClusterIP", "NodePort", "LoadBalancer"),
    enableIngress=FLAG,
)
WORKERS = fields(
    ("groupName", "minReplicas", "maxReplicas", "rayStartParams", "template"),
    groupName=NAME,
    replicas=WHOLE,
    minReplicas=WHOLE,
    maxReplicas=WHOLE,
    idleTimeoutSeconds=WHOLE,
    numOfHosts=POSITIVE,
    resources=TEXTS,
    labels=TEXTS,
    rayStartParams=TEXTS,
    template=POD,
)
AUTOSCALER = fields(
    (),
    idleTimeoutSeconds=WHOLE,
    upscalingMode=one_of("Default", "Aggressive", "Conservative"),
    version=one_of("v1", "v2"),
    image=TEXT,
    imagePullPolicy=one_of("Always", "IfNotPresent", "Never"),
    env=several(ENV),
    resources=fields((), requests=QUANTITIES, limits=QUANTITIES),
)
CLUSTER = fields(
    ("headGroupSpec",),
    rayVersion=TEXT,
    authOptions=fields((), mode=one_of("disabled", "token"), secretName=TEXT, enableK8sTokenAuth=FLAG),
    enableInTreeAutoscaling=FLAG,
    autoscalerOptions=AUTOSCALER,
    headGroupSpec=HEAD,
    workerGroupSpecs=several(WORKERS),
    headServiceAnnotations=TEXTS,
    suspend=FLAG,
)
JOB = fields(
    (),
    entrypoint=TEXT,
    runtimeEnvYAML=TEXT,
    jobId=TEXT,
    metadata=TEXTS,
    submissionMode=one_of("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"),
    entrypointNumCpus=NUMBER,
    entrypointNumGpus=NUMBER,
    entrypointResources=TEXT,
    submitterPodTemplate=POD,
    submitterConfig=fields((), backoffLimit=WHOLE),
    activeDeadlineSeconds=POSITIVE,
    preRunningDeadlineSeconds=POSITIVE,
    backoffLimit=WHOLE,
    shutdownAfterJobFinishes=FLAG,
    ttlSecondsAfterFinished=WHOLE,
    suspend=FLAG,
    clusterSelector=TEXTS,
    rayClusterSpec=CLUSTER,
)
RAYJOB = fields(
    ("apiVersion", "kind", "metadata", "spec"),
    apiVersion=one_of("ray.io/v1"),
    kind=one_of("RayJob"),
    metadata=fields(("name",), name=NAME, namespace=NAME, labels=TEXTS, annotations=TEXTS),
    spec=JOB,
)
