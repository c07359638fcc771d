//! The volumes of a task definition.

use aws_sdk_ecs::types as sdk;
use indexmap::IndexMap;

use crate::kinds::mirror::Choice;
use crate::mirror;

mirror! {
    /// A volume that containers mount by name. Without any configuration it is an empty directory of the task.
    struct Volume: sdk::Volume {
        /// Name that mount points use.
        name: String,
        /// A directory of the host.
        host: Option<HostVolumeProperties>,
        /// A volume that Docker makes. Not on Fargate.
        docker_volume_configuration: Option<DockerVolumeConfiguration>,
        /// An EFS file system.
        efs_volume_configuration: Option<EfsVolumeConfiguration>,
        /// An S3 Files file system.
        s3files_volume_configuration: Option<S3FilesVolumeConfiguration>,
        /// An FSx for Windows File Server file system.
        fsx_windows_file_server_volume_configuration: Option<FsxWindowsFileServerVolumeConfiguration>,
        /// Whether the service or the run says what the volume is. Default: false.
        configured_at_launch: Option<bool>,
    }

    /// A directory of the host.
    struct HostVolumeProperties: sdk::HostVolumeProperties {
        /// Its path. Default: Docker chooses one, which ends with the task.
        source_path: Option<String>,
    }

    /// A volume that Docker makes.
    struct DockerVolumeConfiguration: sdk::DockerVolumeConfiguration {
        /// Whether it ends with the task or is shared and stays. Default: task.
        scope: Option<Choice<sdk::Scope>>,
        /// Whether a shared volume is made if it is missing. Default: false.
        autoprovision: Option<bool>,
        /// Docker volume driver. Default: local.
        driver: Option<String>,
        /// Options of the driver.
        driver_opts: Option<IndexMap<String, String>>,
        /// Docker labels of the volume.
        labels: Option<IndexMap<String, String>>,
    }

    /// An EFS file system.
    struct EfsVolumeConfiguration: sdk::EfsVolumeConfiguration
        = sdk::EfsVolumeConfiguration::builder().file_system_id("").build()? => {
        /// Its id.
        file_system_id: String,
        /// Directory to mount; `/` with an access point. Default: /.
        root_directory: Option<String>,
        /// Whether traffic is encrypted. Default: DISABLED.
        transit_encryption: Option<Choice<sdk::EfsTransitEncryption>>,
        /// Port of the encrypted traffic. Default: the mount helper's choice.
        transit_encryption_port: Option<i32>,
        /// Access point and IAM.
        authorization_config: Option<EfsAuthorizationConfig>,
    }

    /// How a task is allowed into an EFS file system.
    struct EfsAuthorizationConfig: sdk::EfsAuthorizationConfig {
        /// Access point; needs encryption of the traffic.
        access_point_id: Option<String>,
        /// Whether the task role is used; needs encryption of the traffic. Default: DISABLED.
        iam: Option<Choice<sdk::EfsAuthorizationConfigIam>>,
    }

    /// An S3 Files file system.
    struct S3FilesVolumeConfiguration: sdk::S3FilesVolumeConfiguration
        = sdk::S3FilesVolumeConfiguration::builder().file_system_arn("").build()? => {
        /// Its ARN.
        file_system_arn: String,
        /// Directory to mount. Default: /.
        root_directory: Option<String>,
        /// Port of the encrypted traffic. Default: the mount helper's choice.
        transit_encryption_port: Option<i32>,
        /// ARN of the access point.
        access_point_arn: Option<String>,
    }

    /// An FSx for Windows File Server file system.
    struct FsxWindowsFileServerVolumeConfiguration: sdk::FSxWindowsFileServerVolumeConfiguration
        = sdk::FSxWindowsFileServerVolumeConfiguration::builder().file_system_id("").root_directory("").build()? => {
        /// Its id.
        file_system_id: String,
        /// Directory to mount.
        root_directory: String,
        /// Account that mounts it.
        authorization_config: FsxWindowsFileServerAuthorizationConfig,
    }

    /// The account that mounts an FSx file system.
    struct FsxWindowsFileServerAuthorizationConfig: sdk::FSxWindowsFileServerAuthorizationConfig
        = sdk::FSxWindowsFileServerAuthorizationConfig::builder().credentials_parameter("").domain("").build()? => {
        /// ARN of the secret or parameter with its credentials.
        credentials_parameter: String,
        /// Its Active Directory domain.
        domain: String,
    }
}
