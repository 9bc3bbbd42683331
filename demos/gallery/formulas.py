"""The formula of each model file that a slide names, as its docstring has it, in the language of mathml.py."""

FORMULAS: dict[str, tuple[str, ...]] = {
    "minigrad/ops/conv.py": (
        r"y_{ij} = \sum_{a, b} w_{ab} x_{s i + a, s j + b}, \quad \text{row by row: } y = C x",
        r"\text{transposed: } x = C^\top y",
    ),
    "models/analogies.py": (
        r"z = f(c) + T(f(b) - f(a), f(c))",
        r"L = |d - g(z)|^2 + \alpha |f(d) - z|^2",
    ),
    "models/autoencoder.py": (r"L = d(x, D(E(x)))",),
    "models/checkerboard.py": (r"L = \text{mean of } (D(c) - x)^2",),
    "models/classifier.py": (
        r"h_0 = x, \quad h_i = \relu(W_i h_{i-1} + b_i)",
        r"p(\text{class} | x) = \softmax(V h_2 + c)",
        r"\text{before, without labels: } L = d(x, D(h_2(\text{noise}(x))))",
    ),
    "models/compression.py": (
        r"n = \round(E(x)), \quad \hat{x} = D(n)",
        r"L = -\sum_i \log_2\,p(n_i) + \lambda \sum_{\text{pixels}} (255 (x - \hat{x}))^2",
    ),
    "models/conv_vae.py": (
        r"-\log\,p(x | z) = \sum_{\text{pixels}} (\frac{(x - D(z))^2}{2 s^2} + \log\,s)",
        r"L = -\log\,p(x | z) - \frac{1}{2} \sum_{\text{code}} (1 + l - m^2 - e^l)",
    ),
    "models/deep_dream.py": (
        r"g = \frac{\part}{\part x} \text{mean of } a(x)^2, \quad x \rarr x + r \frac{g}{\text{mean } |g|}",
    ),
    "models/deforming.py": (
        r"x(p) \approx T(W(p)), \quad T = D_T(z_T), \quad W = D_W(z_W)",
        r"L = |T \compfn W - x|^2 + 1.6 |\nabla (W - W_0)| + 0.01 |\text{batch mean of } (W - W_0)|^2",
    ),
    "models/deforming_faces.py": (
        r"x(p) \approx T(W(p)), \quad T = S \odot A",
        r"S = 0.75 \frac{s}{\text{mean of } s}, \quad s = \sigma(S_0 + \sum_k z_k S_k)",
    ),
    "models/denoising.py": (
        r"\tilde{x} = \text{noise}(x), \quad L = d(x, D(E(\tilde{x})))",
        r"\text{Gaussian noise: } D(E(\tilde{x})) \approx \tilde{x} + s^2 \nabla \log\,p(\tilde{x})",
    ),
    "models/digit_net.py": (r"p(\text{digit} | x) = \softmax(\text{scores}(x))",),
    "models/face_swap.py": (
        r"L = \sum_{p} |x_p - D_p(E(\text{warp}(x_p)))|",
        r"\text{swapped: } D_q(E(x_p))",
    ),
    "models/inverse_graphics.py": (
        r"\text{forward: } z_i \rarr \bar{z}_i",
        r"\text{backward: } \kappa (z_i - \bar{z}_i) \text{ for all } i \text{ but one}",
    ),
    "models/linear.py": (r"L = \text{mean of } (x - B A x)^2, \quad B A \rarr U U^\top",),
    "models/photo_style.py": (
        r"L = \alpha L_{\text{content}} + \beta L_{\text{style}} + \lambda E",
        r"L_{\text{style}} = \sum_l \sum_{\text{regions}} \frac{b_l}{4} |G_l - A_l|^2",
        r"E = \text{mean of } x M x, \quad M \text{ the matting Laplacian}",
    ),
    "models/siamese.py": (
        r"d = |E(x_1) - E(x_2)|",
        r"L = (1 - y) d^2 + y \max(0, m - d)^2",
    ),
    "models/sparse.py": (r"L = |x - D h|^2 + \lambda \sum_i |h_i|",),
    "models/style_network.py": (
        r"y = \gamma_s \frac{x - m}{d} + \beta_s",
        r"\text{a blend: } \gamma = \sum_s \lambda_s \gamma_s, \quad \beta = \sum_s \lambda_s \beta_s",
    ),
    "models/style_transfer.py": (
        r"L = \alpha L_{\text{content}} + \beta L_{\text{style}}",
        r"L_{\text{content}} = \sum_l \frac{a_l}{2} |F_l - P_l|^2",
        r"L_{\text{style}} = \sum_l \frac{b_l}{4} |G_l - A_l|^2, \quad G = \frac{F F^\top}{N M}",
    ),
    "models/translation.py": (
        r"h_j = \GRU(x_1 \hellip x_S), \quad s_i = \GRU(s_{i-1}, y_{i-1})",
        r"a_i = \softmax_j (v \sdot \tanh(Q s_i + K h_j)), \quad c_i = \sum_j a_{ij} h_j",
        r"p(y_i) = \softmax(W [s_i, c_i] + b)",
    ),
    "models/vae.py": (
        r"z = m + e^{l/2} \epsilon, \quad \epsilon \sim N(0, 1)",
        r"L = -\log\,p(x | z) - \frac{1}{2} \sum_{\text{code}} (1 + l - m^2 - e^l)",
    ),
    "models/visualize.py": (r"x^* = \argmax_x f(a(x))",),
    "models/warp.py": (r"W_x(i, j) = -1 - \frac{2}{w - 1} + \sum_{n \le j} d_x(i, n), \quad d_x > 0",),
}
