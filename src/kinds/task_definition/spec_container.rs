//! The containers of a task definition, and what is nested in them.

use aws_sdk_ecs::types as sdk;
use indexmap::IndexMap;

use crate::kinds::mirror::Choice;
use crate::mirror;

mirror! {
    /// A container of the task.
    struct ContainerDefinition: sdk::ContainerDefinition {
        /// Name, unique in the task; other containers and load balancers refer to it.
        name: String,
        /// Image to run, `repository/name:tag` or `repository/name@sha256:digest`.
        image: String,
        /// Credentials for a private registry outside ECR.
        repository_credentials: Option<RepositoryCredentials>,
        /// CPU units reserved, 1024 for one virtual CPU. Default: 0, a share of what is left.
        cpu: Option<i32>,
        /// Hard limit of memory in MiB; the container is killed above it.
        memory: Option<i32>,
        /// Memory in MiB that is reserved, below the hard limit.
        memory_reservation: Option<i32>,
        /// Containers to reach by name, `name` or `name:alias`. Only with network mode `bridge`.
        links: Option<Vec<String>>,
        /// Ports that the container offers.
        port_mappings: Option<Vec<PortMapping>>,
        /// Whether the whole task stops when this container stops. Default: true.
        essential: Option<bool>,
        /// Restarts of this container alone, without replacing the task.
        restart_policy: Option<ContainerRestartPolicy>,
        /// Entry point, in place of the image's.
        entry_point: Option<Vec<String>>,
        /// Arguments, in place of the image's command.
        command: Option<Vec<String>>,
        /// Environment variables; values are text.
        environment: Option<Vec<KeyValuePair>>,
        /// Files in S3 with more environment variables; of equal names the first counts.
        environment_files: Option<Vec<EnvironmentFile>>,
        /// Volumes of the task that the container sees.
        mount_points: Option<Vec<MountPoint>>,
        /// Containers whose mount points this one gets as well.
        volumes_from: Option<Vec<VolumeFrom>>,
        /// Kernel features, devices, shared memory and swap. Linux only.
        linux_parameters: Option<LinuxParameters>,
        /// Environment variables from Secrets Manager or the SSM parameter store.
        secrets: Option<Vec<Secret>>,
        /// Containers that must have got somewhere before this one starts.
        depends_on: Option<Vec<ContainerDependency>>,
        /// Seconds until containers that wait for this one give up.
        start_timeout: Option<i32>,
        /// Seconds between the request to stop and the kill. Default: 30.
        stop_timeout: Option<i32>,
        /// Whether the tag is resolved to one digest for all tasks of a deployment. Default: enabled.
        version_consistency: Option<Choice<sdk::VersionConsistency>>,
        /// Host name. Not with network mode `awsvpc`.
        hostname: Option<String>,
        /// User to run as: `user`, `uid`, `user:group` or `uid:gid`.
        user: Option<String>,
        /// Directory in which the command runs.
        working_directory: Option<String>,
        /// Whether the container has no network. Default: false.
        disable_networking: Option<bool>,
        /// Whether it has root's rights on the host. Not on Fargate. Default: false.
        privileged: Option<bool>,
        /// Whether the root file system is read-only. Default: false.
        readonly_root_filesystem: Option<bool>,
        /// DNS servers. Not with network mode `awsvpc`.
        dns_servers: Option<Vec<String>>,
        /// DNS search domains. Not with network mode `awsvpc`.
        dns_search_domains: Option<Vec<String>>,
        /// More lines for `/etc/hosts`. Not with network mode `awsvpc`.
        extra_hosts: Option<Vec<HostEntry>>,
        /// SELinux, AppArmor or credential-spec options for Docker.
        docker_security_options: Option<Vec<String>>,
        /// Whether standard input stays open. Default: false.
        interactive: Option<bool>,
        /// Whether a terminal is attached. Default: false.
        pseudo_terminal: Option<bool>,
        /// Docker labels.
        docker_labels: Option<IndexMap<String, String>>,
        /// Limits of the container's processes.
        ulimits: Option<Vec<Ulimit>>,
        /// Where the log goes. Default: the container instance's Docker setting.
        log_configuration: Option<LogConfiguration>,
        /// A command that tells whether the container works.
        health_check: Option<HealthCheck>,
        /// Kernel parameters (`sysctl`) of the container.
        system_controls: Option<Vec<SystemControl>>,
        /// GPUs and other accelerators.
        resource_requirements: Option<Vec<ResourceRequirement>>,
        /// Makes this container the FireLens log router of the task.
        firelens_configuration: Option<FirelensConfiguration>,
        /// Credential specs for Active Directory (gMSA): ARNs of files in S3 or of SSM parameters.
        credential_specs: Option<Vec<String>>,
    }

    /// Credentials for a private registry.
    struct RepositoryCredentials: sdk::RepositoryCredentials
        = sdk::RepositoryCredentials::builder().credentials_parameter("").build()? => {
        /// ARN of the secret with user name and password.
        credentials_parameter: String,
    }

    /// A port that the container offers.
    struct PortMapping: sdk::PortMapping {
        /// Port in the container.
        #[schemars(range(min = 1, max = 65535))]
        container_port: Option<i32>,
        /// Port on the host. Default: chosen (`bridge`), or the container's (`awsvpc` and `host`).
        #[schemars(range(min = 0, max = 65535))]
        host_port: Option<i32>,
        /// Protocol. Default: tcp.
        protocol: Option<Choice<sdk::TransportProtocol>>,
        /// Name by which Service Connect and VPC Lattice refer to the port.
        name: Option<String>,
        /// Protocol of the application, for Service Connect's metrics and retries. Default: plain TCP.
        app_protocol: Option<Choice<sdk::ApplicationProtocol>>,
        /// Range of ports, such as `8000-8010`, in place of `containerPort`.
        container_port_range: Option<String>,
    }

    /// Restarts of one container.
    struct ContainerRestartPolicy: sdk::ContainerRestartPolicy
        = sdk::ContainerRestartPolicy::builder().enabled(false).build()? => {
        /// Whether it is restarted.
        enabled: bool,
        /// Exit codes after which it is not.
        ignored_exit_codes: Option<Vec<i32>>,
        /// Seconds that it must run before another restart. Default: 300.
        restart_attempt_period: Option<i32>,
    }

    /// A name with a value.
    struct KeyValuePair: sdk::KeyValuePair {
        /// Name.
        name: String,
        /// Value, always text: quote numbers and booleans.
        value: Option<String>,
    }

    /// A file with environment variables.
    struct EnvironmentFile: sdk::EnvironmentFile
        = sdk::EnvironmentFile::builder().value("").r#type("".into()).build()? => {
        /// ARN of the object.
        value: String,
        /// Where it is: s3.
        r#type: Choice<sdk::EnvironmentFileType>,
    }

    /// A volume of the task in a container.
    struct MountPoint: sdk::MountPoint {
        /// Name of the volume.
        source_volume: Option<String>,
        /// Directory in the container.
        container_path: Option<String>,
        /// Whether the container may only read. Default: false.
        read_only: Option<bool>,
    }

    /// The mount points of another container.
    struct VolumeFrom: sdk::VolumeFrom {
        /// Name of that container.
        source_container: Option<String>,
        /// Whether this one may only read. Default: false.
        read_only: Option<bool>,
    }

    /// What Linux allows the container.
    struct LinuxParameters: sdk::LinuxParameters {
        /// Kernel capabilities added to or taken from Docker's default.
        capabilities: Option<KernelCapabilities>,
        /// Devices of the host.
        devices: Option<Vec<Device>>,
        /// Whether an init process forwards signals and reaps processes. Default: false.
        init_process_enabled: Option<bool>,
        /// Size of `/dev/shm` in MiB.
        shared_memory_size: Option<i32>,
        /// File systems in memory.
        tmpfs: Option<Vec<Tmpfs>>,
        /// Swap in MiB; 0 is none.
        max_swap: Option<i32>,
        /// How readily pages are swapped out, 0 to 100. Default: 60.
        swappiness: Option<i32>,
    }

    /// Kernel capabilities.
    struct KernelCapabilities: sdk::KernelCapabilities {
        /// Added to Docker's default. On Fargate only `SYS_PTRACE`.
        add: Option<Vec<String>>,
        /// Taken from Docker's default.
        drop: Option<Vec<String>>,
    }

    /// A device of the host.
    struct Device: sdk::Device = sdk::Device::builder().host_path("").build()? => {
        /// Path on the host.
        host_path: String,
        /// Path in the container. Default: that on the host.
        container_path: Option<String>,
        /// What the container may do with it. Default: read, write and mknod.
        permissions: Option<Vec<Choice<sdk::DeviceCgroupPermission>>>,
    }

    /// A file system in memory.
    struct Tmpfs: sdk::Tmpfs = sdk::Tmpfs::builder().container_path("").size(0).build()? => {
        /// Directory in the container.
        container_path: String,
        /// Largest size in MiB.
        size: i32,
        /// Mount options such as `noexec`.
        mount_options: Option<Vec<String>>,
    }

    /// A value from Secrets Manager or the SSM parameter store.
    struct Secret: sdk::Secret = sdk::Secret::builder().name("").value_from("").build()? => {
        /// Name of the variable or option that gets the value.
        name: String,
        /// ARN of the secret, or ARN or name of the parameter.
        value_from: String,
    }

    /// What must have happened to another container first.
    struct ContainerDependency: sdk::ContainerDependency
        = sdk::ContainerDependency::builder().container_name("").condition("".into()).build()? => {
        /// Name of that container.
        container_name: String,
        /// It runs (START), has ended (COMPLETE), has ended well (SUCCESS) or passes its health check (HEALTHY).
        condition: Choice<sdk::ContainerCondition>,
    }

    /// A line of `/etc/hosts`.
    struct HostEntry: sdk::HostEntry = sdk::HostEntry::builder().hostname("").ip_address("").build()? => {
        /// Host name.
        hostname: String,
        /// Address.
        ip_address: String,
    }

    /// A limit of the container's processes.
    struct Ulimit: sdk::Ulimit
        = sdk::Ulimit::builder().name("".into()).soft_limit(0).hard_limit(0).build()? => {
        /// What is limited.
        name: Choice<sdk::UlimitName>,
        /// Limit that a process may raise; bytes, seconds or a count.
        soft_limit: i32,
        /// Limit up to which it may.
        hard_limit: i32,
    }

    /// Where a log goes.
    struct LogConfiguration: sdk::LogConfiguration
        = sdk::LogConfiguration::builder().log_driver("".into()).build()? => {
        /// Docker log driver. On Fargate awslogs, splunk or awsfirelens.
        log_driver: Choice<sdk::LogDriver>,
        /// Options of the driver, such as `awslogs-group`.
        #[schemars(extend("properties" = {"awslogs-group": {
            "type": "string",
            "description": "Log group of the driver `awslogs`.",
            "x-ref": "LogGroup",
            "x-ref-attribute": "name"
        }}))]
        options: Option<IndexMap<String, String>>,
        /// Options whose values are secrets.
        secret_options: Option<Vec<Secret>>,
    }

    /// A command that tells whether a container works.
    struct HealthCheck: sdk::HealthCheck = sdk::HealthCheck::builder().command("").build()? => {
        /// `CMD` and its arguments, or `CMD-SHELL` and a line for the shell. Exit code 0 is healthy.
        command: Vec<String>,
        /// Seconds between checks, 5 to 300. Default: 30.
        #[schemars(range(min = 5, max = 300))]
        interval: Option<i32>,
        /// Seconds until a check has failed, 2 to 60. Default: 5.
        #[schemars(range(min = 2, max = 60))]
        timeout: Option<i32>,
        /// Failures in a row until the container is unhealthy, 1 to 10. Default: 3.
        #[schemars(range(min = 1, max = 10))]
        retries: Option<i32>,
        /// Seconds at the start in which failures do not count, 0 to 300. Default: none.
        #[schemars(range(min = 0, max = 300))]
        start_period: Option<i32>,
    }

    /// A kernel parameter.
    struct SystemControl: sdk::SystemControl {
        /// Its name, such as `net.core.somaxconn`.
        namespace: Option<String>,
        /// Its value.
        value: Option<String>,
    }

    /// An accelerator for a container.
    struct ResourceRequirement: sdk::ResourceRequirement
        = sdk::ResourceRequirement::builder().value("").r#type("".into()).build()? => {
        /// Number of GPUs, or device name of an inference accelerator.
        value: String,
        /// Which sort of accelerator.
        r#type: Choice<sdk::ResourceType>,
        /// How the accelerator is shared between containers.
        sharing_strategy: Option<SharingStrategy>,
    }

    /// How an accelerator is shared.
    union SharingStrategy: sdk::SharingStrategy {
        /// NVIDIA's multi-process service.
        nvidia_mps = NvidiaMps: Option<NvidiaMpsAllocation>,
    }

    /// A container's part of a GPU that several processes share.
    struct NvidiaMpsAllocation: sdk::NvidiaMpsAllocation
        = sdk::NvidiaMpsAllocation::builder().memory(0).build()? => {
        /// GPU memory in MiB.
        memory: i32,
        /// Largest part of the GPU's threads, in percent.
        max_compute_percent: Option<i32>,
    }

    /// The log router of the task.
    struct FirelensConfiguration: sdk::FirelensConfiguration
        = sdk::FirelensConfiguration::builder().r#type("".into()).build()? => {
        /// Which router the image runs.
        r#type: Choice<sdk::FirelensConfigurationType>,
        /// `enable-ecs-log-metadata`, `config-file-type`, `config-file-value`.
        options: Option<IndexMap<String, String>>,
    }
}
