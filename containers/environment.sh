# Sourced when an image starts, by entrypoint.sh and, under Apptainer, by every `apptainer exec` and `run` (sdc.def).
# Here: what only the machine it runs on can tell. Changes no file, needs no rights.
# shellcheck shell=sh

# The container's share of the cores, where it has one and nobody said otherwise: libraries see all cores of the
# machine, and start a thread for each.
if [ -z "${OMP_NUM_THREADS:-}" ]; then
    sdc_quota=max sdc_period=100000
    if [ -r /sys/fs/cgroup/cpu.max ]; then
        read -r sdc_quota sdc_period </sys/fs/cgroup/cpu.max
    elif [ -r /sys/fs/cgroup/cpu/cpu.cfs_quota_us ]; then
        read -r sdc_quota </sys/fs/cgroup/cpu/cpu.cfs_quota_us
        read -r sdc_period </sys/fs/cgroup/cpu/cpu.cfs_period_us
    fi
    case $sdc_quota in
        max | -*) ;;
        *) export OMP_NUM_THREADS=$(((sdc_quota + sdc_period - 1) / sdc_period)) ;;
    esac
fi

# CUDA 13 wants driver 580. On a data-centre card (A100, H100 ...) an older one does with the CUDA driver library that
# the image brings; with a newer one that library must stay away. Docker's NVIDIA toolkit may have done this already.
sdc_compat=${SDC_CUDA_COMPAT:-/usr/local/cuda/compat}
sdc_module=${SDC_NVIDIA_MODULE:-/proc/driver/nvidia/version}
if [ -e "$sdc_compat/libcuda.so.1" ] && [ -r "$sdc_module" ]; then
    sdc_driver=$(sed -n 's/^NVRM version:.* \([0-9]\{3,\}\)\.[0-9][0-9.]*\( .*\)\{0,1\}$/\1/p' "$sdc_module")
    if [ -n "$sdc_driver" ] && [ "$sdc_driver" -lt 580 ]; then
        export LD_LIBRARY_PATH="$sdc_compat${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    fi
fi

# An Apptainer image is read-only and has no volumes: what has no place in it goes below your home, or $SDC_CACHE.
if [ -n "${APPTAINER_CONTAINER:-${SINGULARITY_CONTAINER:-}}" ] && [ ! -w /cache ]; then
    sdc_cache=${SDC_CACHE:-$HOME/.cache/sdc}
    for sdc_name in HF_HOME XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME MPLCONFIGDIR NUMBA_CACHE_DIR \
        TORCHINDUCTOR_CACHE_DIR TRITON_CACHE_DIR VLLM_CACHE_ROOT VLLM_CONFIG_ROOT OUTLINES_CACHE_DIR \
        FLASHINFER_WORKSPACE_BASE CUDA_CACHE_PATH; do
        eval "sdc_place=\${$sdc_name:-}"
        case $sdc_place in
            /cache/*) export "$sdc_name=$sdc_cache${sdc_place#/cache}" ;;
        esac
    done
fi
unset sdc_quota sdc_period sdc_compat sdc_module sdc_driver sdc_cache sdc_name sdc_place
